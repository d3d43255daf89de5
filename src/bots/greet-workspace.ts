import { platformOf } from "#core/scope.ts";
import { type OnceParts, tellOnce } from "./tell-once.ts";

/** Welcomes a workspace once, with the next three steps; told to whoever added the bot, else where its admins look. */
export async function greetWorkspace(parts: OnceParts, workspaceId: string, adminId?: string): Promise<void> {
  if (platformOf(workspaceId) === "local") return;
  await tellOnce(parts, `welcome ${workspaceId} told`, {
    workspaceId,
    ...(adminId === undefined ? {} : { onlyTo: adminId }),
    text: WELCOME,
  });
}

const WELCOME = [
  "**Hello, I am here.** I answer questions, and I get better from what people think of my answers. Three steps from here:",
  "1. **Try me**: mention me in a channel or write to me directly. React to an answer with an emoji; that is its score.",
  "2. **Decide what I may learn**: nothing yet. `/learning` shows what it means and lets you allow it, and take it back.",
  "3. **Set me up**: `/settings` holds where I answer, how I speak and the limits; `/help` lists everything else.",
].join("\n");
