import { PlatformRefusedError } from "#core/errors.ts";
import type { Attachment } from "#core/inbox.ts";
import type { DiscordParts } from "./discord-parts.ts";

const HOSTS = /(^|\.)(discordapp\.(com|net)|discord\.com)$/;

/** Reads a file that a person attached. Its address expires after a day; then Discord gives a fresh one. */
export async function readAttachment(
  { client }: Pick<DiscordParts, "client">,
  attachment: Attachment,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  let response = await get(client, attachment.url, signal);
  if (response.status === 403 || response.status === 404) {
    await response.body?.cancel();
    response = await get(client, await freshUrl(client, attachment.url), signal);
  }
  if (response.status === 404 || response.status === 403) throw refuse("it is gone", "gone");
  if (!response.ok || response.body === null) throw new Error(`Cannot read a file: HTTP status is ${response.status}`);
  return await readUpTo(response.body, bytesMax);
}

async function get(client: DiscordParts["client"], url: string, signal: AbortSignal): Promise<Response> {
  if (!isOfDiscord(client, url)) throw refuse("its address is not one of Discord", "invalid");
  return await fetch(url, { signal, redirect: "error" });
}

/** Files lie on Discord's own hosts, or beside the API where the operator named another. */
function isOfDiscord(client: DiscordParts["client"], url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, origin } = new URL(url);
  return (protocol === "https:" && HOSTS.test(hostname)) || origin === new URL(client.rest.options.api).origin;
}

async function freshUrl(client: DiscordParts["client"], url: string): Promise<string> {
  const answer = await client.rest.post("/attachments/refresh-urls", { body: { attachment_urls: [url] } });
  const refreshed = (answer as { refreshed_urls?: readonly { readonly refreshed?: string }[] }).refreshed_urls?.[0];
  if (refreshed?.refreshed === undefined) throw refuse("it is gone", "gone");
  return refreshed.refreshed;
}

async function readUpTo(body: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early cancels the stream.
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw refuse(`it is larger than ${bytesMax} bytes`, "invalid");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function refuse(why: string, reason: "gone" | "invalid"): PlatformRefusedError {
  return new PlatformRefusedError(`read a file: ${why}`, reason, "Attach a smaller text file, or paste the text");
}
