import { ApiError } from "./api.ts";

/** A file that the daemon has, for a param of type `file`. */
export interface Uploaded {
  /** What a param takes: "upload:…". */
  readonly upload: string;
  readonly name: string;
  readonly bytes: number;
}

/**
 * Sends a file to the daemon as it is; `onShare` hears how much of it has left, 0 to 1. By XMLHttpRequest, since fetch does
 * not tell. @throws ApiError when it is refused; TypeError when the daemon does not answer
 */
export function uploadFile(
  file: File,
  onShare: (share: number) => void,
  signal: AbortSignal,
): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/v1/uploads");
    request.responseType = "json";
    request.setRequestHeader("x-orch-filename", encodeURIComponent(file.name));
    request.setRequestHeader("content-type", file.type === "" ? "application/octet-stream" : file.type);
    request.upload.addEventListener("progress", ({ loaded, total }) =>
      onShare(total === 0 ? 0 : loaded / total),
    );
    request.addEventListener("load", () => {
      const body = (request.response ?? {}) as Record<string, unknown>;
      if (request.status >= 200 && request.status < 300) resolve(body as unknown as Uploaded);
      else reject(new ApiError(request.status, body));
    });
    request.addEventListener("error", () => reject(new TypeError("the daemon does not answer")));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}
