import type { ApiError, ConversationView, FeedbackView, ServerEvent, TurnView } from "#dashboard/api-records.ts";
import type { CommandReplyView } from "#dashboard/command-records.ts";

/** A question on its way: sent, but not yet a turn that the store knows. */
export interface Draft {
  readonly clientMessageId: string;
  readonly question: string;
  readonly regenerationOf?: string;
  readonly state: "sending" | "waiting" | "refused" | "noticed";
  /** Known when the server has stored the question. */
  readonly messageId?: string;
  /** Known from the first word of the reply on. */
  readonly turnId?: string;
  readonly notice?: string;
  readonly error?: ApiError;
}

/** A command that was typed, with what it answered. Only this page knows it. */
export interface CommandRun {
  readonly id: string;
  readonly line: string;
  /** How many exchanges stand above it. */
  readonly below: number;
  readonly state: "running" | "answered" | "refused";
  readonly reply?: CommandReplyView;
  readonly error?: ApiError;
}

export interface ChatState {
  readonly conversations: readonly ConversationView[];
  readonly conversationId?: string;
  readonly threadId?: string;
  /** Oldest first. */
  readonly turns: readonly TurnView[];
  readonly drafts: readonly Draft[];
  /** Oldest first. */
  readonly commands: readonly CommandRun[];
  /** Replies under way: turn to the text so far. */
  readonly live: ReadonlyMap<string, string>;
  readonly isLoading: boolean;
  readonly loadError?: ApiError;
}

export type ChatAction =
  | { readonly kind: "conversations.read"; readonly conversations: readonly ConversationView[] }
  | { readonly kind: "conversation.opening"; readonly conversationId: string }
  | { readonly kind: "conversation.read"; readonly conversation: ConversationView; readonly turns: readonly TurnView[] }
  | { readonly kind: "conversation.failed"; readonly error: ApiError }
  | { readonly kind: "conversation.new" }
  | { readonly kind: "question.sent"; readonly draft: Draft }
  | {
      readonly kind: "question.accepted";
      readonly clientMessageId: string;
      readonly messageId: string;
      readonly threadId?: string;
    }
  | { readonly kind: "question.refused"; readonly clientMessageId: string; readonly error: ApiError }
  | { readonly kind: "draft.dismissed"; readonly clientMessageId: string }
  | { readonly kind: "command.changed"; readonly run: CommandRun }
  | { readonly kind: "command.dismissed"; readonly id: string }
  | { readonly kind: "feedback.changed"; readonly turnId: string; readonly feedback: FeedbackView }
  | { readonly kind: "event"; readonly event: ServerEvent };

export const emptyChat: ChatState = {
  conversations: [],
  turns: [],
  drafts: [],
  commands: [],
  live: new Map(),
  isLoading: false,
};

export function reduceChat(state: ChatState, action: ChatAction): ChatState {
  switch (action.kind) {
    case "conversations.read":
      return { ...state, conversations: action.conversations };
    case "conversation.opening":
      if (state.conversationId === action.conversationId) return state;
      return { ...withoutConversation(state), conversationId: action.conversationId, isLoading: true };
    case "conversation.read":
      return readConversation(state, action.conversation, action.turns);
    case "conversation.failed":
      return { ...state, isLoading: false, loadError: action.error };
    case "conversation.new":
      return withoutConversation(state);
    case "question.sent":
      return { ...state, drafts: [...state.drafts, action.draft] };
    case "question.accepted":
      return acceptQuestion(state, action);
    case "question.refused":
      return changeDraft(state, action.clientMessageId, { state: "refused", error: action.error });
    case "draft.dismissed":
      return { ...state, drafts: state.drafts.filter((draft) => draft.clientMessageId !== action.clientMessageId) };
    case "command.changed":
      return changeCommand(state, action.run);
    case "command.dismissed":
      return { ...state, commands: state.commands.filter(({ id }) => id !== action.id) };
    case "feedback.changed":
      return {
        ...state,
        turns: state.turns.map((turn) => (turn.id === action.turnId ? { ...turn, feedback: action.feedback } : turn)),
      };
    case "event":
      return reduceEvent(state, action.event);
  }
}

function reduceEvent(state: ChatState, event: ServerEvent): ChatState {
  switch (event.kind) {
    case "reply": {
      const live = new Map(state.live).set(event.turnId, event.text);
      const draft = state.drafts.find((item) => isOf(item, event.messageId));
      const next = { ...state, live };
      return draft === undefined ? next : changeDraft(next, draft.clientMessageId, { turnId: event.turnId });
    }
    case "turn":
      return takeTurn(state, event.turn);
    case "notice": {
      const draft = state.drafts.find((item) => isOf(item, event.messageId));
      if (draft === undefined) return state;
      return changeDraft(state, draft.clientMessageId, { state: "noticed", notice: event.text });
    }
    case "run":
    case "learning":
      return state;
  }
}

/** A turn of the open conversation, or of the one that a question just opened (first question, `/new`, a long pause). */
function takeTurn(state: ChatState, turn: TurnView): ChatState {
  const live = new Map(state.live);
  if (turn.status !== "streaming") live.delete(turn.id);
  const isAnswer = state.drafts.some((draft) => isOf(draft, turn.messageId));
  const isHere = turn.conversationId === state.conversationId;
  if (!isAnswer && !isHere) return { ...state, live };
  return {
    ...state,
    live,
    conversationId: isAnswer ? turn.conversationId : (state.conversationId ?? turn.conversationId),
    ...(turn.threadId === undefined ? {} : { threadId: turn.threadId }),
    turns: insertTurn(state.turns, turn),
    drafts: state.drafts.filter((draft) => !isOf(draft, turn.messageId)),
  };
}

/** What was shown is told once; a later look at the same turn does not take it away. */
function insertTurn(turns: readonly TurnView[], turn: TurnView): readonly TurnView[] {
  const shown = turns.find((item) => item.id === turn.id)?.shown;
  const others = turns.filter((item) => item.id !== turn.id);
  if (turn.status === "deleted") return others;
  const kept = shown === undefined ? turn : { shown, ...turn };
  return [...others, kept].sort((a, b) => a.askedAtMs - b.askedAtMs || a.position - b.position);
}

function readConversation(state: ChatState, conversation: ConversationView, turns: readonly TurnView[]): ChatState {
  // Left meanwhile: the answer to an older click changes nothing.
  if (state.conversationId !== undefined && state.conversationId !== conversation.id) return state;
  const answered = (draft: Draft) => turns.some((turn) => isOf(draft, turn.messageId));
  const { loadError: _, ...rest } = state;
  return {
    ...rest,
    conversationId: conversation.id,
    ...(conversation.threadId === undefined ? {} : { threadId: conversation.threadId }),
    turns,
    drafts: state.drafts.filter((draft) => !answered(draft)),
    live: new Map(
      [...state.live].filter(([id]) => turns.every((turn) => turn.id !== id || turn.status === "streaming")),
    ),
    isLoading: false,
  };
}

function acceptQuestion(
  state: ChatState,
  { clientMessageId, messageId, threadId }: Extract<ChatAction, { kind: "question.accepted" }>,
): ChatState {
  const draft = state.drafts.find((item) => item.clientMessageId === clientMessageId);
  // The reply may be quicker than the answer to the request.
  if (draft === undefined) return state;
  const isWaiting = draft.state === "sending" ? { state: "waiting" as const } : {};
  const next = changeDraft(state, clientMessageId, { messageId, ...isWaiting });
  return threadId === undefined ? next : { ...next, threadId };
}

/** A new one comes last; one that is known changes where it stands. */
function changeCommand(state: ChatState, run: CommandRun): ChatState {
  const isKnown = state.commands.some(({ id }) => id === run.id);
  const commands = isKnown
    ? state.commands.map((known) => (known.id === run.id ? run : known))
    : [...state.commands, run];
  return { ...state, commands };
}

function changeDraft(state: ChatState, clientMessageId: string, change: Partial<Draft>): ChatState {
  return {
    ...state,
    drafts: state.drafts.map((draft) => (draft.clientMessageId === clientMessageId ? { ...draft, ...change } : draft)),
  };
}

function withoutConversation(state: ChatState): ChatState {
  const { conversationId: _id, threadId: _thread, loadError: _error, ...rest } = state;
  return { ...rest, turns: [], drafts: [], commands: [], isLoading: false };
}

/** The server puts the person's id before the id that this page made. */
function isOf(draft: Draft, messageId: string | undefined): boolean {
  return messageId?.endsWith(`.${draft.clientMessageId}`) ?? false;
}

/** Whether a reply is being waited for: one question at a time. */
export function isAnswering(state: ChatState): boolean {
  return (
    state.turns.some((turn) => turn.status === "streaming") ||
    state.drafts.some((draft) => draft.state === "sending" || draft.state === "waiting")
  );
}
