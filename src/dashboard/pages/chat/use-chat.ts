import { useCallback, useEffect, useMemo, useReducer, useRef } from "react";
import type { FeedbackView, ServerEvent, TurnView } from "#dashboard/api-records.ts";
import type { CompletionView } from "#dashboard/command-records.ts";
import { api, type CommandBody, type FeedbackBody, failureOf } from "../api/client.ts";
import { type ChatState, type CommandRun, emptyChat, reduceChat } from "./chat-state.ts";

export interface ChatActions {
  /** Null: a new, empty conversation. */
  open(conversationId: string | null): void;
  send(text: string): void;
  /** A line that begins with "/", typed below so many exchanges. */
  command(line: string, below: number): void;
  /** Goes on with a command that asked for more. */
  answerCommand(run: CommandRun, options: Readonly<Record<string, string>>, isForm: boolean): void;
  dismissCommand(id: string): void;
  complete(line: string): Promise<CompletionView>;
  regenerate(turn: TurnView): void;
  stop(messageId: string): void;
  dismiss(clientMessageId: string): void;
  /** Shown at once and taken back when the server refuses; rejects then. */
  rate(turn: TurnView, change: FeedbackBody): Promise<void>;
  take(event: ServerEvent): void;
  /** Reads everything again: after an interruption nobody knows what was missed. */
  readAgain(): void;
}

const REFRESH_MS = 400;

export function useChat(): readonly [ChatState, ChatActions] {
  const [state, dispatch] = useReducer(reduceChat, emptyChat);
  const latest = useRef(state);
  latest.current = state;
  const refreshTimer = useRef<number | undefined>(undefined);

  const readConversations = useCallback(() => {
    window.clearTimeout(refreshTimer.current);
    refreshTimer.current = window.setTimeout(() => {
      api.listConversations().then(
        ({ conversations }) => dispatch({ kind: "conversations.read", conversations }),
        // The list stays as it was; the page says elsewhere that the program cannot be reached.
        () => undefined,
      );
    }, REFRESH_MS);
  }, []);

  const readConversation = useCallback((id: string) => {
    api.readConversation(id).then(
      ({ conversation, turns }) => dispatch({ kind: "conversation.read", conversation, turns }),
      (error: unknown) => dispatch({ kind: "conversation.failed", error: failureOf(error) }),
    );
  }, []);

  const place = useCallback(() => {
    const { conversationId, threadId } = latest.current;
    return conversationId === undefined ? (threadId === undefined ? {} : { threadId }) : { conversationId };
  }, []);

  const ask = useCallback(
    (question: string, regenerationOf?: string) => {
      const clientMessageId = newMessageId();
      const again = regenerationOf === undefined ? {} : { regenerationOf };
      dispatch({ kind: "question.sent", draft: { clientMessageId, question, state: "sending", ...again } });
      const body = regenerationOf === undefined ? { text: question, ...place() } : again;
      api.ask({ clientMessageId, ...body }).then(
        (asked) => {
          const thread = asked.threadId === undefined ? {} : { threadId: asked.threadId };
          dispatch({ kind: "question.accepted", clientMessageId, messageId: asked.messageId, ...thread });
        },
        (error: unknown) => dispatch({ kind: "question.refused", clientMessageId, error: failureOf(error) }),
      );
    },
    [place],
  );

  const runCommand = useCallback(
    (run: Pick<CommandRun, "id" | "line" | "below">, more: Partial<CommandBody> = {}) => {
      const { id, line, below } = run;
      const shown = { id, line, below };
      dispatch({ kind: "command.changed", run: { ...shown, state: "running" } });
      api.runCommand({ line, callId: newMessageId(), ...place(), ...more }).then(
        (reply) => {
          dispatch({ kind: "command.changed", run: { ...shown, state: "answered", reply } });
          if (reply.ask !== undefined) {
            dispatch({ kind: "command.dismissed", id });
            ask(reply.ask);
            return;
          }
          // It may have changed, or erased, what is shown.
          readConversations();
          const { conversationId } = latest.current;
          if (conversationId !== undefined) readConversation(conversationId);
        },
        (error: unknown) => {
          dispatch({ kind: "command.changed", run: { ...shown, state: "refused", error: failureOf(error) } });
        },
      );
    },
    [ask, place, readConversation, readConversations],
  );

  const actions = useMemo<ChatActions>(
    () => ({
      open(conversationId) {
        if (conversationId === null) dispatch({ kind: "conversation.new" });
        else {
          dispatch({ kind: "conversation.opening", conversationId });
          readConversation(conversationId);
        }
      },
      send: (text) => ask(text),
      command(line, below) {
        const newest = latest.current.turns.at(-1);
        // Asked here, so that the new answer is seen as it grows.
        if (/^\/(regenerate|again)\s*$/.test(line) && newest !== undefined) ask(newest.question, newest.id);
        else runCommand({ id: newMessageId(), line: line.replace(/^\/again\b/, "/regenerate"), below });
      },
      answerCommand: (run, options, isForm) => runCommand(run, { options, isForm }),
      dismissCommand: (id) => dispatch({ kind: "command.dismissed", id }),
      complete: (line) => api.complete({ line, ...place() }),
      regenerate: (turn) => ask(turn.question, turn.id),
      // A reply that has just ended cannot be stopped: its end is on the way to this page.
      stop: (messageId) => void api.stop(messageId).catch(() => undefined),
      dismiss: (clientMessageId) => dispatch({ kind: "draft.dismissed", clientMessageId }),
      async rate(turn, change) {
        dispatch({ kind: "feedback.changed", turnId: turn.id, feedback: withChange(turn.feedback, change) });
        try {
          const saved = await api.putFeedback(turn.id, change);
          dispatch({ kind: "feedback.changed", turnId: turn.id, feedback: saved.turn.feedback });
        } catch (error) {
          dispatch({ kind: "feedback.changed", turnId: turn.id, feedback: turn.feedback });
          throw error;
        }
      },
      take(event) {
        dispatch({ kind: "event", event });
        if (event.kind === "turn") readConversations();
      },
      readAgain() {
        readConversations();
        const { conversationId } = latest.current;
        if (conversationId !== undefined) readConversation(conversationId);
      },
    }),
    [ask, place, readConversation, readConversations, runCommand],
  );

  useEffect(() => {
    readConversations();
    return () => window.clearTimeout(refreshTimer.current);
  }, [readConversations]);
  return [state, actions];
}

function withChange(feedback: FeedbackView, change: FeedbackBody): FeedbackView {
  const merged = { ...feedback, ...change };
  const kept = Object.entries(merged).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(kept);
}

/** `crypto.randomUUID` is there only under https and on loopback. */
function newMessageId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
