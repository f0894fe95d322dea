import { BlockList, isIP, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { Failure } from "../failure.ts";

type Family = "ipv4" | "ipv6";

/** IANA special-purpose registry, multicast, and Azure's wire server: a public address that every guest of it reaches. */
const refusedNets = netsOf([
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "168.63.129.16/32",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
  // Within global unicast: protocol assignments with Teredo, documentation, 6to4.
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
]);

/** All else of IPv6 is refused: mapped and NAT64 forms of IPv4, loopback, link-local, unique local, multicast. */
const globalUnicast = netsOf(["2000::/3"]);

/**
 * Why a program of ours may not connect to an address that somebody else named; null = it is a public address of another host.
 * @param address as the resolver or the URL parser wrote it
 */
export function whyNotPublic(address: string): string | null {
  if (isIP(address) === 0 || address.includes("%")) return "it is no plain IP address";
  const family = familyOf(address);
  if (refusedNets.check(address, family)) return "it is not a public address";
  if (family === "ipv6" && !globalUnicast.check(address, family)) return "it is not a public address";
  return isOfThisHost(address) ? "it is an address of this host" : null;
}

/** A place that the config allows though it is not public, or not at a usual port. */
export interface AllowedPlace {
  /** In small letters; null = a net. */
  readonly name: string | null;
  readonly net: BlockList | null;
  /** Null = any. */
  readonly port: number | null;
}

/**
 * Reads "minio.lan", "minio.lan:9000", "10.1.0.0/16", "10.1.2.3:8000" or "[fd00::1]:8000".
 * @throws Failure usage/invalid
 */
export function parseAllowedPlace(text: string): AllowedPlace {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-f:.]+(?:\/\d+)?)\]|([^\s[\]:]+|[0-9a-f:.]*:[0-9a-f:.]*(?:\/\d+)?))(?::(\d{1,5}))?$/i.exec(
      text,
    ) ?? [];
  const host = bracketed ?? plain ?? "";
  const port = digits === undefined ? null : Number(digits);
  if (port === null || (port >= 1 && port <= 65_535)) {
    const net = netOf(host);
    if (net !== null) return { name: null, net, port };
    if (
      bracketed === undefined &&
      /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(host) &&
      !/^[\d.]+$/.test(host)
    )
      return { name: host.toLowerCase(), net: null, port };
  }
  throw new Failure("usage/invalid", `${JSON.stringify(text.slice(0, 200))} is no place on a network`, {
    hint: "write it like minio.lan, minio.lan:9000, 10.1.0.0/16 or [fd00::1]:8000",
  });
}

/** Whether a place that is allowed by its name covers this one. */
export function isAllowedName(places: readonly AllowedPlace[], name: string, port: number): boolean {
  return places.some((place) => place.name === name && (place.port ?? port) === port);
}

/** Whether a place that is allowed by its address covers this one. */
export function isAllowedAddress(places: readonly AllowedPlace[], address: string, port: number): boolean {
  return places.some(
    (place) => place.net?.check(address, familyOf(address)) === true && (place.port ?? port) === port,
  );
}

function familyOf(address: string): Family {
  return isIPv6(address) ? "ipv6" : "ipv4";
}

function netsOf(texts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of texts) addNet(list, text);
  return list;
}

/** An address or a net; null = it is neither. */
function netOf(text: string): BlockList | null {
  const list = new BlockList();
  return addNet(list, text) ? list : null;
}

function addNet(list: BlockList, text: string): boolean {
  const [address = "", bits] = text.split("/");
  const most = isIP(address) === 6 ? 128 : 32;
  if (isIP(address) === 0 || (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > most)))
    return false;
  list.addSubnet(address, bits === undefined ? most : Number(bits), familyOf(address));
  return true;
}

/** Services that listen on all addresses may count on what is outside not reaching them. */
function isOfThisHost(address: string): boolean {
  const own = new BlockList();
  for (const found of Object.values(networkInterfaces()))
    for (const each of found ?? [])
      if (isIP(each.address) !== 0) own.addAddress(each.address, familyOf(each.address));
  return own.check(address, familyOf(address));
}
