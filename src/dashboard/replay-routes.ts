import { Hono } from "hono";
import type { Intake } from "#bots/intake.ts";
import { OperatingError } from "#core/errors.ts";
import type { Platform } from "#core/scope.ts";
import { type PersonEnv, requireAdmin } from "./identify.ts";
import { readBody } from "./read-request.ts";
import { type ReplayEvent, type ReplayResult, replayRequest } from "./replay-records.ts";
import { requireLoopback } from "./setup-routes.ts";

/** Where a platform's events go; undefined when the platform does not run. */
export type IntakeOf = (platform: Platform) => Intake | undefined;

/** Recorded events are handed in as a connector would: for the operator at this very computer who looks for a fault. */
export function replayRoutes(intakeOf: IntakeOf): Hono<PersonEnv> {
  const app = new Hono<PersonEnv>();
  app.post("/replay", requireLoopback(), requireAdmin(), async (context) => {
    const { events } = await readBody(context, replayRequest);
    const results: ReplayResult[] = [];
    // In order: an edit follows its message.
    for (const event of events) results.push(await replayOne(intakeOf, event));
    return context.json({ results });
  });
  return app;
}

async function replayOne(intakeOf: IntakeOf, event: ReplayEvent): Promise<ReplayResult> {
  const intake = intakeOf(event.platform);
  if (intake === undefined) return { outcome: "failed", detail: `the platform ${event.platform} does not run` };
  try {
    return await handIn(intake, event, Date.parse(event.at));
  } catch (error) {
    if (error instanceof OperatingError) return { outcome: "failed", detail: error.message };
    throw error;
  }
}

async function handIn(intake: Intake, event: ReplayEvent, atMs: number): Promise<ReplayResult> {
  switch (event.kind) {
    case "message": {
      const { kind: _, at: __, eventId, threadId, roles, isAddressed, ...message } = event;
      if (!intake.wants({ ...message, roles, isAddressed })) return { outcome: "dropped" };
      await intake.acceptMessage(eventId, { ...message, ...threadOf(threadId), sentAtMs: atMs });
      return { outcome: "accepted" };
    }
    case "edit": {
      const { workspaceId, channelId, threadId, messageId, text } = event;
      await intake.acceptEdit({ workspaceId, channelId, ...threadOf(threadId), messageId, text, editedAtMs: atMs });
      return { outcome: "accepted" };
    }
    case "deletion": {
      const { workspaceId, channelId, threadId, messageId } = event;
      await intake.acceptDeletion({ workspaceId, channelId, ...threadOf(threadId), messageId });
      return { outcome: "accepted" };
    }
    case "reaction": {
      const { workspaceId, channelId, messageId, userId, emoji, isRemoval } = event;
      await intake.acceptFeedback({
        workspaceId,
        channelId,
        messageId,
        userId,
        emoji,
        isRemoval,
        atMs,
        source: "reaction",
      });
      return { outcome: "accepted" };
    }
    case "score": {
      const { workspaceId, channelId, messageId, userId, score } = event;
      await intake.acceptFeedback({ workspaceId, channelId, messageId, userId, score, atMs, source: "button" });
      return { outcome: "accepted" };
    }
    case "command": {
      const { kind: _, at: __, threadId, messageId, options, ...call } = event;
      const reply = await intake.runCommand({
        ...call,
        ...threadOf(threadId),
        ...(messageId === undefined ? {} : { messageId }),
        options: new Map(Object.entries(options)),
        atMs,
      });
      return { outcome: "accepted", detail: reply.text };
    }
  }
}

function threadOf(threadId: string | undefined): { readonly threadId?: string } {
  return threadId === undefined ? {} : { threadId };
}
