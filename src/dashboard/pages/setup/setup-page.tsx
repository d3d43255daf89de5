import { useCallback, useEffect, useState } from "react";
import type { ApiError, AppState } from "#dashboard/api-records.ts";
import type { SetupAnswering, SetupView } from "#dashboard/setup-records.ts";
import { api, failureOf } from "../api/client.ts";
import { FailureNote } from "../parts/failure-note.tsx";
import { Mark } from "../parts/icons.tsx";
import { ThemeButton } from "../parts/theme-button.tsx";
import { PlatformForm } from "./platform-form.tsx";

const PLATFORMS = ["discord", "slack"] as const;

/** Where the operator connects Discord and Slack. What is stored is never shown. */
export function SetupPage({ app }: { readonly app: AppState }) {
  const [view, setView] = useState<SetupView>();
  const [error, setError] = useState<ApiError>();
  const read = useCallback(async () => {
    try {
      setView(await api.readSetup());
      setError(undefined);
    } catch (failure) {
      setError(failureOf(failure));
    }
  }, []);
  useEffect(() => {
    document.title = "Set up Discord and Slack";
    void read();
  }, [read]);

  return (
    <main className="setup">
      <header className="top">
        <Mark />
        <h1>Set up Discord and Slack</h1>
        <ThemeButton />
      </header>
      <p className="setup-intro">
        <a href="/">Back to the chat</a>
      </p>
      {error !== undefined && <FailureNote error={error} />}
      {view !== undefined && (
        <>
          <p className="setup-intro">
            Credentials are tested with the platform, then written to <code>{view.envPath}</code>, which its owner alone
            can read. A field that you leave empty keeps what is stored.
          </p>
          {PLATFORMS.map((platform) => (
            <PlatformForm
              key={platform}
              platform={platform}
              why={app.platforms.find((item) => item.platform === platform)?.why ?? "off"}
              view={view}
              onSaved={read}
            />
          ))}
          <AnsweringSection answering={view.answering} />
        </>
      )}
    </main>
  );
}

/** Credentials alone are set here; who answers is a matter of settings. */
function AnsweringSection({ answering }: { readonly answering: SetupAnswering }) {
  return (
    <section className="setup-platform" aria-labelledby="setup-answering">
      <h2 id="setup-answering">
        Who answers <span className="setup-status">{answering.now}</span>
      </h2>
      <p>
        Settings of <code>reactune.yaml</code> choose another; <code>{answering.guide}</code> has more.
      </p>
      <ul>
        {answering.choices.map(({ who, how, takesAdapters }) => (
          <li key={who}>
            {who}
            {!takesAdapters && " (learns no adapters)"}: {how}.
          </li>
        ))}
      </ul>
    </section>
  );
}
