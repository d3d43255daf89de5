import { Hono } from "hono";
import { refuseText } from "#bots/check-message.ts";
import { LOCAL_WORKSPACE_ID } from "#bots/local-chat.ts";
import type { Turn } from "#core/turn.ts";
import type { DashboardParts } from "./dashboard-parts.ts";
import { HttpRefusal, notFound } from "./http-refusal.ts";
import { channelOf, type Person, type PersonEnv } from "./identify.ts";
import { findOwnConversation, findOwnTurn, readConversation, readConversations, readTurnView } from "./read-chat.ts";
import { readBody, readQuery } from "./read-request.ts";
import {
  askRequest,
  conversationsQuery,
  emptyRequest,
  feedbackRequest,
  newConversationRequest,
} from "./request-schemas.ts";

/** What a person does: ask, stop, rate, teach, look back. */
export function chatRoutes(parts: DashboardParts): Hono<PersonEnv> {
  const app = new Hono<PersonEnv>();

  app.post("/messages", async (context) => {
    const request = await readBody(context, askRequest);
    const { person } = context.var;
    const again =
      request.regenerationOf === undefined ? undefined : await findOwnTurn(parts, person, request.regenerationOf);
    const text = again?.question ?? request.text;
    refuse(text, (await parts.readState()).messageCharsMax);
    const threadId = again === undefined ? await threadOf(parts, person, request) : again.threadId;
    const asked = await parts.localChat.ask({
      userId: person.personId,
      channelId: channelOf(person),
      ...(threadId === undefined ? {} : { threadId }),
      text,
      // Under the person's id: nobody can use up the ids of somebody else's messages.
      messageId: `${person.personId}.${request.clientMessageId}`,
      ...(again === undefined ? {} : { regenerationOf: again.id }),
    });
    return context.json({ messageId: asked.messageId, threadId }, 202);
  });

  app.post("/messages/:id/stop", async (context) => {
    await readBody(context, emptyRequest);
    const { person } = context.var;
    const turn = await parts.chat.findTurnByMessage(LOCAL_WORKSPACE_ID, channelOf(person), context.req.param("id"));
    if (turn === undefined) throw notFound("message", context.req.param("id"));
    return context.json({ isStopped: parts.stopTurn(turn.id) });
  });

  app.post("/turns/:id/stop", async (context) => {
    await readBody(context, emptyRequest);
    const turn = await findOwnTurn(parts, context.var.person, context.req.param("id"));
    return context.json({ isStopped: parts.stopTurn(turn.id) });
  });

  app.put("/turns/:id/feedback", async (context) => {
    const change = await readBody(context, feedbackRequest);
    const { person } = context.var;
    const turn = await findOwnTurn(parts, person, context.req.param("id"));
    await parts.collectFeedback({
      workspaceId: turn.workspaceId,
      channelId: turn.channelId,
      messageId: messageOf(turn),
      userId: person.personId,
      source: "button",
      atMs: parts.now(),
      ...(change.score === undefined ? {} : { score: change.score }),
      ...(change.comment === undefined ? {} : { comment: change.comment }),
      ...(change.correction === undefined ? {} : { correction: change.correction }),
    });
    return context.json({ turn: await readTurnView(parts, person, turn) });
  });

  app.get("/conversations", async (context) => {
    const query = readQuery(context, conversationsQuery);
    return context.json({ conversations: await readConversations(parts, context.var.person, query) });
  });

  app.post("/conversations/new", async (context) => {
    const { conversationId } = await readBody(context, newConversationRequest);
    const { person } = context.var;
    if (conversationId !== undefined) {
      const { channelId, threadId } = await findOwnConversation(parts, person, conversationId);
      await parts.startNewConversation({ channelId, ...(threadId === undefined ? {} : { threadId }) });
    }
    return context.json({ threadId: parts.newId() }, 201);
  });

  app.get("/conversations/:id", async (context) => {
    return context.json(await readConversation(parts, context.var.person, context.req.param("id")));
  });

  return app;
}

/** Each conversation of the web chat is a thread of its own, so that older ones can be gone on with. */
async function threadOf(
  parts: DashboardParts,
  person: Person,
  request: { readonly conversationId?: string | undefined; readonly threadId?: string | undefined },
): Promise<string | undefined> {
  if (request.conversationId === undefined) return request.threadId ?? parts.newId();
  return (await findOwnConversation(parts, person, request.conversationId)).threadId;
}

function refuse(text: string, charsMax: number): void {
  const refused = refuseText(text, charsMax);
  if (refused === undefined) return;
  throw new HttpRefusal({
    status: 422,
    code: REFUSAL_CODES[refused.reason],
    message: refused.notice,
    hint: refused.reason === "too-long" ? "The limit is conversation.messageMaxChars" : "Write a question",
  });
}

const REFUSAL_CODES = {
  empty: "MESSAGE_EMPTY",
  binary: "MESSAGE_BINARY",
  "too-long": "MESSAGE_TOO_LONG",
  "too-often": "MESSAGE_TOO_OFTEN",
} as const;

/** Feedback goes by message; a reply that was stopped before it was posted is known by its question. */
function messageOf(turn: Turn): string {
  const message = turn.messages.find(({ role }) => role === "reply") ?? turn.messages[0];
  if (message === undefined) throw notFound("message of reply", turn.id);
  return message.messageId;
}
