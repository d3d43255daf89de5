import { useEffect, useRef, useState } from "react";
import type { AppState } from "#dashboard/api-records.ts";
import { useLive } from "./api/use-live.ts";
import { ConversationPane } from "./chat/conversation-pane.tsx";
import { HistoryList, UNTITLED } from "./chat/history-list.tsx";
import { useChat } from "./chat/use-chat.ts";
import { LearningPanel } from "./learning/learning-panel.tsx";
import { useLearning } from "./learning/use-learning.ts";
import { Drawer } from "./parts/drawer.tsx";
import { domainName } from "./parts/format.ts";
import { Icon, Mark } from "./parts/icons.tsx";
import { ThemeButton } from "./parts/theme-button.tsx";
import { useMedia } from "./parts/use-media.ts";

interface ShellProps {
  readonly app: AppState;
  readonly onReadState: () => Promise<void>;
}

/** Wide enough to hold the list, and the panel too, beside the chat. */
const LIST_FITS = "(min-width: 900px)";
const PANEL_FITS = "(min-width: 1180px)";

/** The whole page: list of conversations, the chat, and the learning panel. */
export function Shell({ app, onReadState }: ShellProps) {
  const [chat, actions] = useChat();
  const listFits = useMedia(LIST_FITS);
  const panelFits = useMedia(PANEL_FITS);
  const [isListOpen, setListOpen] = useState(listFits);
  const [isPanelOpen, setPanelOpen] = useState(panelFits);
  useEffect(() => setListOpen(listFits), [listFits]);
  useEffect(() => setPanelOpen(panelFits), [panelFits]);
  const [learning, learningActions] = useLearning(isPanelOpen);
  const { openNew } = useAddress(chat.conversationId, actions.open);

  const connection = useLive(
    (event) => {
      actions.take(event);
      learningActions.take(event);
    },
    () => {
      actions.readAgain();
      learningActions.readAgain();
      void onReadState();
    },
  );

  const title = chat.conversations.find((item) => item.id === chat.conversationId)?.title;
  const isCovered = (isListOpen && !listFits) || (isPanelOpen && !panelFits);

  return (
    <div className="shell">
      <button type="button" className="skip" onClick={focusMessage}>
        Skip to the message box
      </button>
      <Drawer
        label="Conversations"
        side="left"
        isOpen={isListOpen}
        isOver={!listFits}
        onClose={() => setListOpen(false)}
      >
        <p className="brand">
          <Mark />
          {app.assistantName}
        </p>
        <HistoryList
          conversations={chat.conversations}
          openId={chat.conversationId}
          titleOf={domainName}
          onNew={() => {
            openNew();
            if (!listFits) setListOpen(false);
            focusMessage();
          }}
          onPick={() => {
            if (!listFits) setListOpen(false);
          }}
        />
        <PlatformList app={app} />
      </Drawer>
      <main className="main" inert={isCovered}>
        <header className="top">
          <button
            type="button"
            className="icon-button"
            aria-label="Conversations"
            aria-expanded={isListOpen}
            onClick={() => setListOpen(!isListOpen)}
          >
            <Icon name="menu" />
          </button>
          <h1>{title === undefined ? "New conversation" : title || UNTITLED}</h1>
          <span className="model" title={app.model.name}>
            {app.model.name}
            {app.model.isStandIn && <span className="badge badge-quiet">stand-in</span>}
          </span>
          <ThemeButton />
          <button
            type="button"
            className="icon-button"
            aria-label="Learning"
            aria-expanded={isPanelOpen}
            onClick={() => setPanelOpen(!isPanelOpen)}
          >
            <Icon name="chart" />
          </button>
        </header>
        <p className="connection" role="status">
          {connection === "lost" ? "Connection lost. Trying again…" : ""}
        </p>
        <ConversationPane app={app} chat={chat} actions={actions} titleOf={domainName} />
      </main>
      <Drawer
        label="Learning"
        side="right"
        isOpen={isPanelOpen}
        isOver={!panelFits}
        onClose={() => setPanelOpen(false)}
      >
        <LearningPanel app={app} learning={learning} actions={learningActions} titleOf={domainName} />
      </Drawer>
    </div>
  );
}

function focusMessage(): void {
  document.getElementById("message")?.focus();
}

function PlatformList({ app }: { readonly app: AppState }) {
  return (
    <ul className="platforms" aria-label="Platforms">
      {app.platforms.map((item) => (
        <li key={item.platform} title={item.why}>
          <span className={item.isOn ? "dot dot-on" : "dot"} aria-hidden="true" />
          {item.platform}
          <span className="platform-why">{item.why}</span>
        </li>
      ))}
      <li>
        <a href="/setup">Set up Discord and Slack</a>
      </li>
      <li className="version">Reactune {app.version}</li>
    </ul>
  );
}

/** The address names the open conversation, so that reload, back and bookmarks work. */
function useAddress(conversationId: string | undefined, open: (id: string | null) => void) {
  const isFirst = useRef(true);
  useEffect(() => {
    const follow = () => open(conversationOf(window.location.hash));
    if (isFirst.current) follow();
    isFirst.current = false;
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, [open]);

  useEffect(() => {
    if (conversationId === undefined || conversationOf(window.location.hash) === conversationId) return;
    // No event follows: the conversation is open already.
    window.history.pushState(null, "", `#/c/${encodeURIComponent(conversationId)}`);
  }, [conversationId]);

  return {
    openNew() {
      window.history.pushState(null, "", "#/");
      open(null);
    },
  };
}

function conversationOf(hash: string): string | null {
  const id = /^#\/c\/(.+)$/.exec(hash)?.[1];
  try {
    return id === undefined ? null : decodeURIComponent(id);
  } catch {
    return null;
  }
}
