import type { IncomingMessage } from "#core/inbox.ts";
import { type OnceParts, tellOnce } from "./tell-once.ts";

/** Says once per channel or direct conversation what is stored, and how to see, refuse and erase it. */
export async function greetChannel(parts: OnceParts, message: IncomingMessage): Promise<void> {
  const { platform, workspaceId, channelId, threadId, visibility } = message;
  if (platform === "local") return;
  await tellOnce(parts, `first-contact ${workspaceId} ${channelId} told`, {
    workspaceId,
    channelId,
    ...(threadId === undefined ? {} : { threadId }),
    text: visibility === "direct" ? `${STORED} ${LEARNING}` : `${STORED_HERE} ${LEARNING}`,
  });
}

const STORED = "*I store what you write to me, my answers and your reactions to them.*";
const STORED_HERE = "*I store what people here write to me, my answers and the reactions to them.*";
const LEARNING =
  "*They teach me nothing unless an admin allows it. `/privacy` shows, exports and erases what is yours.*";
