import type { AppState } from "#dashboard/api-records.ts";
import { domainName } from "../parts/format.ts";
import { Mark } from "../parts/icons.tsx";

/** Examples of one domain that are offered. */
const EXAMPLES_MAX = 2;

/** The empty conversation: what this is, how it learns, and something to begin with. */
export function Welcome({ state, onAsk }: { readonly state: AppState; readonly onAsk: (question: string) => void }) {
  return (
    <div className="welcome">
      <Mark />
      <h2>What would you like to know?</h2>
      <p className="welcome-how">
        Press an emoji under the replies, or teach a better answer. When enough of them are liked, {state.assistantName}{" "}
        trains itself on them, proves that it got better, and answers you better from then on. All of it happens on this
        machine.
      </p>
      {state.model.isStandIn && (
        <p className="welcome-stand-in">
          <strong>{state.model.name}</strong> is a small stand-in model. Its answers are often wrong: teach it, or set
          <code>inference.model</code> to a larger one.
        </p>
      )}
      <div className="welcome-domains">
        {state.domains
          .filter((domain) => domain.exampleQuestions.length > 0)
          .map((domain) => (
            <section key={domain.id} aria-label={`Examples: ${domainName(domain.id)}`}>
              <h3 title={domain.title}>{domainName(domain.id)}</h3>
              {domain.exampleQuestions.slice(0, EXAMPLES_MAX).map((question) => (
                <button key={question} type="button" className="example" onClick={() => onAsk(question)}>
                  {question}
                </button>
              ))}
            </section>
          ))}
      </div>
    </div>
  );
}
