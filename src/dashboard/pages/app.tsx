import { useCallback, useEffect, useState } from "react";
import type { ApiError, AppState } from "#dashboard/api-records.ts";
import { api, failureOf } from "./api/client.ts";
import { FailureNote } from "./parts/failure-note.tsx";
import { SetupPage } from "./setup/setup-page.tsx";
import { Shell } from "./shell.tsx";

const RETRY_MS = 2000;

/** Waits for the server, which also gives this browser its person, before anything else is asked. */
export function App() {
  const [app, setApp] = useState<AppState>();
  const [error, setError] = useState<ApiError>();

  const read = useCallback(async () => {
    try {
      setApp(await api.readState());
      setError(undefined);
    } catch (failure) {
      setError(failureOf(failure));
    }
  }, []);

  useEffect(() => {
    void read();
  }, [read]);
  useEffect(() => {
    if (error === undefined || app !== undefined) return;
    const timer = window.setInterval(() => void read(), RETRY_MS);
    return () => window.clearInterval(timer);
  }, [error, app, read]);

  if (app !== undefined && window.location.pathname === "/setup") return <SetupPage app={app} />;
  if (app !== undefined) return <Shell app={app} onReadState={read} />;
  return <main className="starting">{error === undefined ? null : <FailureNote error={error} />}</main>;
}
