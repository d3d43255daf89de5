import { PlatformRefusedError } from "#core/errors.ts";
import type { Attachment } from "#core/inbox.ts";
import type { SlackWorkspace } from "./slack-workspaces.ts";

const FILE_TIMEOUT_MS = 30_000;

/**
 * A file's contents, at most `bytesMax`. The bot's token goes to Slack's own hosts only, whatever address an event names.
 * Rejects with PlatformRefusedError when the file is gone, elsewhere or may not be read.
 */
export async function readSlackFile(
  workspace: SlackWorkspace,
  attachment: Attachment,
  options: { readonly bytesMax: number; readonly signal: AbortSignal; readonly apiUrl: string | undefined },
): Promise<Uint8Array> {
  const url = URL.canParse(attachment.url) ? new URL(attachment.url) : undefined;
  if (url === undefined || !isSlackHost(url, options.apiUrl)) {
    throw new PlatformRefusedError(
      "read a file: it is not kept by Slack",
      "invalid",
      "Upload the file into Slack itself",
    );
  }
  const response = await fetch(url, {
    headers: { Authorization: `Bearer ${workspace.botToken}` },
    redirect: "error",
    signal: AbortSignal.any([options.signal, AbortSignal.timeout(FILE_TIMEOUT_MS)]),
  });
  if (response.status === 404 || response.status === 410) {
    throw new PlatformRefusedError("read a file: it was deleted", "gone", "Upload the file again");
  }
  const isSignInPage =
    response.headers.get("content-type")?.startsWith("text/html") === true && !/html/.test(attachment.mediaType);
  if (response.status === 401 || response.status === 403 || isSignInPage) {
    throw new PlatformRefusedError(
      "read a file: Slack asks the bot to sign in",
      "permission",
      "Install the app again with config/slack-manifest.yaml (it needs files:read)",
    );
  }
  if (!response.ok || response.body === null)
    throw new Error(`Cannot read a file: Slack answered HTTP ${response.status}`);
  return await readAtMost(response.body, options.bytesMax);
}

function isSlackHost(url: URL, apiUrl: string | undefined): boolean {
  if (apiUrl !== undefined) return url.origin === new URL(apiUrl).origin;
  return url.protocol === "https:" && (url.hostname === "slack.com" || url.hostname.endsWith(".slack.com"));
}

async function readAtMost(body: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk.subarray(0, bytesMax - bytes));
    bytes += chunk.length;
    if (bytes >= bytesMax) break;
  }
  return Buffer.concat(chunks);
}
