import { useId, useState } from "react";
import type { ApiError } from "#dashboard/api-records.ts";
import type { SetupFieldView, SetupTest, SetupView } from "#dashboard/setup-records.ts";
import { api, failureOf } from "../api/client.ts";
import { FailureNote } from "../parts/failure-note.tsx";

interface PlatformFormProps {
  readonly platform: "discord" | "slack";
  /** Whether it runs, and why not. */
  readonly why: string;
  readonly view: SetupView;
  readonly onSaved: () => Promise<void>;
}

const NAMES = { discord: "Discord", slack: "Slack" } as const;

/** Credentials of one platform: test them, or save them. */
export function PlatformForm({ platform, why, view, onSaved }: PlatformFormProps) {
  const [values, setValues] = useState<ReadonlyMap<string, string>>(new Map());
  const [tests, setTests] = useState<readonly SetupTest[]>([]);
  const [error, setError] = useState<ApiError>();
  const [said, setSaid] = useState("");
  const [isBusy, setBusy] = useState(false);
  const headingId = useId();
  const name = NAMES[platform];

  const attempt = async (work: () => Promise<void>) => {
    setBusy(true);
    setError(undefined);
    setSaid(`Asking ${name}…`);
    try {
      await work();
    } catch (failure) {
      setError(failureOf(failure));
      setSaid("");
      setTests([]);
    }
    setBusy(false);
  };
  const given = () => Object.fromEntries(values);
  const ours = (all: readonly SetupTest[]) => all.filter((test) => test.platform === platform);
  const test = () =>
    attempt(async () => {
      const found = ours((await api.testSetup(given())).tests);
      setTests(found);
      setSaid(found.length === 0 ? `Nothing to test: no credential of ${name} is set` : `${name} was asked`);
    });
  const save = () =>
    attempt(async () => {
      const outcome = await api.saveSetup(given());
      setTests(outcome.isSaved ? ours(outcome.tests) : outcome.tests);
      setSaid(describeOutcome(outcome.isSaved, outcome.changed));
      if (!outcome.isSaved) return;
      setValues(new Map());
      await onSaved();
    });

  return (
    <section className="setup-platform" aria-labelledby={headingId}>
      <h2 id={headingId}>
        {name} <span className="setup-status">{why}</span>
      </h2>
      <PlatformLinks platform={platform} view={view} />
      <form
        autoComplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {view.fields
          .filter((field) => field.platform === platform)
          .map((field) => (
            <CredentialField
              key={field.variable}
              field={field}
              value={values.get(field.variable) ?? ""}
              onChange={(value) => setValues(new Map([...values, [field.variable, value]]))}
            />
          ))}
        <div className="setup-actions">
          <button type="submit" className="button button-primary" disabled={isBusy}>
            Test and save {name}
          </button>
          <button type="button" className="button" disabled={isBusy} onClick={() => void test()}>
            Test {name} only
          </button>
        </div>
      </form>
      {error !== undefined && <FailureNote error={error} />}
      <div className="setup-result" role="status">
        <p>{said}</p>
        <ul>
          {tests.flatMap(({ findings }) =>
            findings.map(({ state, found, fix }) => (
              <li key={found} className={`setup-${state}`}>
                {state === "ok" ? "✓" : state === "warning" ? "!" : "✗"} {found}.{fix !== undefined && ` ${fix}.`}
              </li>
            )),
          )}
        </ul>
      </div>
    </section>
  );
}

function CredentialField({
  field,
  value,
  onChange,
}: {
  readonly field: SetupFieldView;
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  const id = useId();
  return (
    <div className="setup-field">
      <label htmlFor={id}>
        {field.label}
        {field.isOptional && " (optional)"}
      </label>
      <p id={`${id}-help`}>
        {field.help}. {field.shown === undefined ? "Not set." : `Now: ${field.shown}.`}
        {field.fixedBy !== undefined && " It can be changed only there."}
      </p>
      <input
        id={id}
        type={field.isSecret ? "password" : "text"}
        autoComplete="off"
        spellCheck={false}
        aria-describedby={`${id}-help`}
        disabled={field.fixedBy !== undefined}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}

function PlatformLinks({ platform, view }: { readonly platform: "discord" | "slack"; readonly view: SetupView }) {
  const [href, words] =
    platform === "discord"
      ? [view.links.discord, "Invite the bot into a server"]
      : [view.links.slack, "Make the Slack app from its manifest"];
  if (href === undefined) return null;
  return (
    <p>
      <a href={href} target="_blank" rel="noopener noreferrer">
        {words}
      </a>
    </p>
  );
}

function describeOutcome(isSaved: boolean, changed: readonly string[]): string {
  if (!isSaved) return "Nothing was written: mend what is marked ✗";
  if (changed.length === 0) return "Nothing differed; nothing was written";
  return `Wrote ${changed.join(", ")}. Start Reactune again to use it`;
}
