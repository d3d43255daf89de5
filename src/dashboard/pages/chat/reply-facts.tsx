import type { TurnView } from "#dashboard/api-records.ts";
import { formatDuration, formatNumber } from "../parts/format.ts";

/** Where a reply came from: one line, and the same in sentences behind it. */
export function ReplyFacts({ turn, domainTitle }: { readonly turn: TurnView; readonly domainTitle: string }) {
  const isCached = turn.cache.hit !== "none";
  return (
    <details className="facts">
      <summary>
        <span>{domainTitle}</span>
        <span>{turn.model}</span>
        <span className={turn.adapter === undefined ? undefined : "fact-learned"}>
          {turn.adapter?.name ?? "base model"}
        </span>
        <span>{isCached ? `cached (${turn.cache.hit})` : `not cached: ${turn.cache.reason}`}</span>
        <span>{formatDuration(turn.totalMs)}</span>
      </summary>
      <dl>
        <Fact name="Domain">{explainDomain(turn, domainTitle)}</Fact>
        <Fact name="Answered by">
          {turn.adapter === undefined
            ? `The base model ${turn.model}: no adapter is in service for this domain, or this conversation began before one was.`
            : `${turn.model} with the adapter ${turn.adapter.name}, trained on replies that people liked or corrected.`}
        </Fact>
        <Fact name="Cache">{explainCache(turn)}</Fact>
        <Fact name="Time">{explainTime(turn)}</Fact>
        {turn.turnsCut > 0 && (
          <Fact name="Memory">
            The {turn.turnsCut === 1 ? "oldest turn was" : `${turn.turnsCut} oldest turns were`} left out, since the
            model's context is full.
          </Fact>
        )}
      </dl>
    </details>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function explainDomain({ domain }: TurnView, title: string): string {
  const sure = `${Math.round(domain.score * 100)} % sure`;
  switch (domain.by) {
    case "keywords":
      return `${title}, chosen by words of the question (${domain.reason}; ${sure}).`;
    case "similarity":
      return `${title}, chosen by likeness to the domain's examples (${domain.reason}; ${sure}).`;
    case "conversation":
      return `${title}, as before in this conversation (${domain.reason}).`;
    case "default":
      return `${title}, since no other domain fits (${domain.reason}).`;
  }
}

function explainCache({ cache }: TurnView): string {
  switch (cache.hit) {
    case "exact":
      return "The same question was answered before; that reply was served again. Dislike it and it is forgotten.";
    case "near": {
      const near = cache.similarity === undefined ? "" : ` (likeness ${cache.similarity.toFixed(2)})`;
      return `A question with the same meaning was answered before${near}; that reply was served again.`;
    }
    case "none":
      return `Freshly written: ${cache.reason}.`;
  }
}

function explainTime(turn: TurnView): string {
  if (turn.endedBy === "cache") return `Served in ${formatDuration(turn.totalMs)}.`;
  const writingMs = turn.totalMs - (turn.firstTokenMs ?? 0);
  const speed =
    writingMs > 0 ? `, ${formatNumber(Math.round((turn.replyTokens / writingMs) * 10_000) / 10)} tokens/s` : "";
  const first = turn.firstTokenMs === undefined ? "" : `First word after ${formatDuration(turn.firstTokenMs)}; `;
  const tokens = `${formatNumber(turn.promptTokens)} tokens read, ${formatNumber(turn.replyTokens)} written${speed}`;
  return `${first}${formatDuration(turn.totalMs)} in all. ${tokens}.`;
}
