import type {
  AdapterView,
  ApiError,
  AppState,
  CacheView,
  ConversationView,
  ReadinessView,
  RunDetails,
  RunView,
  TurnView,
} from "#dashboard/api-records.ts";
import type { CommandReplyView, CompletionView } from "#dashboard/command-records.ts";
import type { SetupGiven, SetupOutcome, SetupTest, SetupView } from "#dashboard/setup-records.ts";

/** What the server said no with, or that it could not be reached. */
export class ApiFailure extends Error {
  readonly failure: ApiError;

  constructor(failure: ApiError, options?: ErrorOptions) {
    super(failure.message, options);
    this.failure = failure;
  }
}

export interface AskBody {
  readonly text?: string;
  readonly conversationId?: string;
  readonly threadId?: string;
  readonly clientMessageId: string;
  readonly regenerationOf?: string;
}

export interface FeedbackBody {
  readonly score?: number | null;
  readonly comment?: string | null;
  readonly correction?: string | null;
}

export interface CommandBody {
  readonly line: string;
  readonly callId: string;
  readonly conversationId?: string;
  readonly threadId?: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly isForm?: boolean;
}

/** Every call of the HTTP API. Each rejects with ApiFailure. */
export const api = {
  readState: () => call<AppState>("GET", "/state"),
  ask: (body: AskBody) => call<{ messageId: string; threadId?: string }>("POST", "/messages", body),
  stop: (messageId: string) => call("POST", `/messages/${encodeURIComponent(messageId)}/stop`, {}),
  complete: (body: Omit<CommandBody, "callId">) => call<CompletionView>("POST", "/commands/complete", body),
  runCommand: (body: CommandBody) => call<CommandReplyView>("POST", "/commands", body),
  startNew: (conversationId: string) => call("POST", "/conversations/new", { conversationId }),
  listConversations: () => call<{ conversations: ConversationView[] }>("GET", "/conversations?limit=100"),
  readConversation: (id: string) =>
    call<{ conversation: ConversationView; turns: TurnView[] }>("GET", `/conversations/${encodeURIComponent(id)}`),
  putFeedback: (turnId: string, body: FeedbackBody) =>
    call<{ turn: TurnView }>("PUT", `/turns/${encodeURIComponent(turnId)}/feedback`, body),
  readReadiness: () => call<{ readiness: ReadinessView[] }>("GET", "/readiness"),
  startTraining: (domain: string) => call<{ run: RunView }>("POST", "/training", { domain }),
  listRuns: () => call<{ runs: RunView[] }>("GET", "/runs"),
  readRun: (id: string, after: number) => call<RunDetails>("GET", `/runs/${encodeURIComponent(id)}?after=${after}`),
  cancelRun: (id: string) => call<{ isCancelled: boolean }>("POST", `/runs/${encodeURIComponent(id)}/cancel`, {}),
  listAdapters: () => call<{ adapters: AdapterView[] }>("GET", "/adapters"),
  activate: (digest: string) => call("POST", `/adapters/${encodeURIComponent(digest)}/activate`, {}),
  rollBack: (domain: string) => call("POST", `/domains/${encodeURIComponent(domain)}/rollback`, {}),
  readSetup: () => call<SetupView>("GET", "/setup"),
  testSetup: (values: SetupGiven) => call<{ tests: SetupTest[] }>("POST", "/setup/test", { values }),
  saveSetup: (values: SetupGiven) => call<SetupOutcome>("PUT", "/setup", { values }),
  readCache: () => call<{ cache: CacheView }>("GET", "/cache"),
};

async function call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`/api${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  }).catch((cause: unknown) => {
    throw new ApiFailure(OFFLINE, { cause });
  });
  const value: unknown = await response.json().catch(() => undefined);
  if (response.ok) return value as T;
  throw new ApiFailure(isApiError(value) ? value : { ...OFFLINE, message: `The server answered ${response.status}` });
}

function isApiError(value: unknown): value is ApiError {
  return typeof value === "object" && value !== null && "code" in value && "message" in value && "hint" in value;
}

const OFFLINE: ApiError = {
  code: "OFFLINE",
  message: "The program cannot be reached",
  hint: "Look whether Reactune still runs; the page connects again by itself",
};

/** For people; anything that is no ApiFailure is a fault of this page. */
export function failureOf(error: unknown): ApiError {
  if (error instanceof ApiFailure) return error.failure;
  const message = error instanceof Error ? error.message : String(error);
  return { code: "PAGE", message, hint: "Reload the page" };
}
