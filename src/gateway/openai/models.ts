import { answerJson } from "../forward/answer-json.ts";
import type { Exchange, GatewayPort } from "../port.ts";
import type { ServedModel } from "../request-port.ts";

/** When models were made is not known; clients want a number all the same. */
const CREATED = 0;

/** GET /v1/models: all that the caller may name. */
export async function listModels(port: GatewayPort, { caller, response }: Exchange): Promise<void> {
  const data = port.requests.models(caller).map(viewModel);
  answerJson(response, { object: "list", data });
}

/** GET /v1/models/NAME. @throws Failure runtime/unknown, permission/denied */
export async function showModel(port: GatewayPort, name: string, exchange: Exchange): Promise<void> {
  answerJson(exchange.response, viewModel(port.requests.model(name, exchange.caller)));
}

function viewModel({ name, runtime, summary, protocol, api, isReady }: ServedModel): object {
  return {
    id: name,
    object: "model",
    created: CREATED,
    owned_by: "orch",
    runtime,
    summary,
    protocol,
    api,
    ready: isReady,
  };
}
