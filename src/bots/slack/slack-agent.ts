import type { BusyPlace } from "#bots/platform-connector.ts";
import { recentMap } from "./recent-map.ts";
import { cutAt } from "./render-markdown.ts";
import { slackErrorOf } from "./slack-refusals.ts";
import type { SlackWorkspace, SlackWorkspaces } from "./slack-workspaces.ts";

/**
 * What Slack shows round an agent's thread: its status while it works, Slack's own stop button, the title, and prompts to begin
 * with. All of it is decoration: a call that fails is left out, and one that Slack does not know here is not made again.
 */
export interface SlackAgent {
  showBusy(place: BusyPlace, signal: AbortSignal): void;
  offerPrompts(workspace: SlackWorkspace, channelId: string, threadId: string | undefined): Promise<void>;
  /** Only the first question names a thread. */
  nameThread(workspace: SlackWorkspace, thread: AgentThread, messageId: string, question: string): Promise<void>;
  /** The question that is worked on in a channel or thread. */
  busyWith(workspaceId: string, channelId: string, threadId: string | undefined): string | undefined;
}

export interface AgentThread {
  readonly channelId: string;
  readonly threadId: string;
}

const LOADING_MESSAGES = ["Reading your question…", "Thinking…", "Looking at what I learned…", "Writing the reply…"];
const PROMPTS = [
  { title: "What can you do?", message: "What can you do, and how do I teach you?" },
  { title: "Explain something", message: "Explain this in simple words: " },
  { title: "Improve my text", message: "Improve this text, and say what you changed: " },
];
const TITLE_CHARS_MAX = 60;
/** Slack takes the status away after two minutes. */
const REFRESH_MS = 90_000;
const THREADS_MAX = 5000;

/** Slack has this not here: not for this app, not for this kind of channel, not at all. */
const NOT_HERE = new Set([
  "unknown_method",
  "missing_scope",
  "not_allowed_token_type",
  "method_deprecated",
  "access_denied",
  "not_an_agent",
  "feature_not_enabled",
  "app_not_agent",
]);

export function slackAgent(workspaces: SlackWorkspaces, onFailed: (error: unknown) => void): SlackAgent {
  const unavailable = recentMap<true>(THREADS_MAX);
  /** Opened by a person, who has not asked anything yet. */
  const unnamed = recentMap<true>(THREADS_MAX);
  const busy = recentMap<string>(THREADS_MAX);
  const keyOf = (workspaceId: string, channelId: string, threadId: string | undefined) =>
    `${workspaceId} ${channelId} ${threadId ?? ""}`;

  async function decorate(
    workspace: SlackWorkspace,
    method: string,
    act: Parameters<SlackWorkspace["calls"]["run"]>[1],
  ): Promise<void> {
    const key = `${workspace.teamId} ${method}`;
    if (unavailable.get(key)) return;
    const kind = { method, what: "show a status", urgency: "can-skip", isRepeatable: false } as const;
    await workspace.calls.run(kind, act).catch((error: unknown) => {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      if (NOT_HERE.has(slackErrorOf(cause) ?? "")) unavailable.set(key, true);
    });
  }

  async function setStatus(
    workspace: SlackWorkspace,
    channelId: string,
    threadId: string,
    isBusy: boolean,
  ): Promise<void> {
    const thread = { channel_id: channelId, thread_ts: threadId };
    const status = isBusy ? { status: "is thinking…", loading_messages: LOADING_MESSAGES } : { status: "" };
    await Promise.all([
      decorate(workspace, "assistant.threads.setStatus", (client) =>
        client.assistant.threads.setStatus({ ...thread, ...status }),
      ),
      // The stop button belongs to the session.
      decorate(workspace, "agents.sessions.setStatus", (client) =>
        client.agents.sessions.setStatus({ ...thread, status: isBusy ? "processing" : "active" }),
      ),
    ]);
  }

  return {
    showBusy({ workspaceId, channelId, threadId, inReplyTo }, signal) {
      if (signal.aborted) return;
      const key = keyOf(workspaceId, channelId, threadId);
      busy.set(key, inReplyTo);
      signal.addEventListener("abort", () => busy.get(key) === inReplyTo && busy.delete(key), { once: true });
      if (threadId === undefined) return;
      const show = async (isBusy: boolean) => {
        const workspace = await workspaces.get(workspaceId);
        await setStatus(workspace, channelId, threadId, isBusy);
      };
      let showing = show(true).catch(onFailed);
      const timer = setInterval(() => {
        showing = show(true).catch(onFailed);
      }, REFRESH_MS).unref();
      const end = () => {
        clearInterval(timer);
        showing.then(() => show(false)).catch(onFailed);
      };
      signal.addEventListener("abort", end, { once: true });
    },
    async offerPrompts(workspace, channelId, threadId) {
      if (threadId !== undefined) unnamed.set(keyOf(workspace.workspaceId, channelId, threadId), true);
      await decorate(workspace, "assistant.threads.setSuggestedPrompts", (client) =>
        client.assistant.threads.setSuggestedPrompts({
          channel_id: channelId,
          ...(threadId === undefined ? {} : { thread_ts: threadId }),
          title: "Ask me something",
          prompts: PROMPTS,
        }),
      );
    },
    async nameThread(workspace, { channelId, threadId }, messageId, question) {
      const key = keyOf(workspace.workspaceId, channelId, threadId);
      const title = cutAt(question.replace(/\s+/g, " ").trim(), TITLE_CHARS_MAX);
      if (!workspace.isAgent || title === "" || (messageId !== threadId && unnamed.get(key) === undefined)) return;
      unnamed.delete(key);
      await decorate(workspace, "assistant.threads.setTitle", (client) =>
        client.assistant.threads.setTitle({ channel_id: channelId, thread_ts: threadId, title }),
      );
    },
    busyWith: (workspaceId, channelId, threadId) => busy.get(keyOf(workspaceId, channelId, threadId)),
  };
}
