import { titleOf } from "#core/conversation.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatCommand } from "./chat-command.ts";
import type { CommandParts } from "./command-parts.ts";
import { findTurnOfCall, noTurnText } from "./command-turn.ts";

export function whyCommand(parts: CommandParts): ChatCommand {
  return {
    name: "why",
    description: "How my last answer here came to be: domain, model, adapter, cache, what taught it",
    access: "everyone",
    options: [],
    async run(call) {
      const turn = await findTurnOfCall(parts.chat, call);
      return { text: turn === undefined ? noTurnText(call) : await describeTurn(parts, turn) };
    },
  };
}

async function describeTurn(parts: CommandParts, turn: Turn): Promise<string> {
  const { domain, provenance } = turn;
  const { cache, firstTokenMs, totalMs, replyTokens } = provenance;
  const similarity = cache.similarity === undefined ? "" : `, similarity ${cache.similarity.toFixed(2)}`;
  const first = firstTokenMs === undefined ? "" : `, first word after ${firstTokenMs} ms`;
  return [
    `**Domain** ${domain.domain} (${domain.reason})`,
    `**Model** ${provenance.modelName}`,
    await describeAdapter(parts, turn),
    `**Cache** ${cache.hit} (${cache.reason}${similarity})`,
    ...(await describeExamples(parts, turn)),
    `**Work** ${replyTokens} tokens in ${totalMs} ms${first}`,
  ].join("\n");
}

/** The adapter with the run and the data set that made it: counts and times, never what people wrote. */
async function describeAdapter({ learning, engine }: CommandParts, { arm }: Turn): Promise<string> {
  const { adapterDigest } = arm;
  if (adapterDigest === undefined) {
    const [base] = await engine.list();
    const reason = base?.adapters === "never" ? `${base.name} takes none` : "nothing was learned for this yet";
    return `**Adapter** none (base model): ${reason}`;
  }
  const adapter = await learning.findAdapter(adapterDigest);
  if (adapter === undefined) return `**Adapter** ${adapterDigest.slice(0, 12)} (gone meanwhile)`;
  const dataset = await learning.findDataset(adapter.datasetHash);
  const made = `grade ${adapter.grade}, made ${day(adapter.createdAtMs)} by run ${adapter.runId}`;
  const taught =
    dataset === undefined
      ? ""
      : `; taught by ${dataset.liked} liked and ${dataset.corrected} corrected answers of ${dataset.days} days`;
  return `**Adapter** ${adapter.name} (${made}${taught})`;
}

const TITLES_MAX = 3;

/** Examples come from the same audience as the reply, so whoever reads it may read them. */
async function describeExamples({ chat }: CommandParts, turn: Turn): Promise<readonly string[]> {
  const ids = turn.provenance.exampleTurnIds ?? [];
  if (ids.length === 0) return [];
  const titles: string[] = [];
  for (const id of ids.slice(0, TITLES_MAX)) {
    const example = await chat.findTurn(id);
    const isSameAudience = example?.workspaceId === turn.workspaceId && example.audience === turn.audience;
    titles.push(!isSameAudience || example.status === "deleted" ? "(erased)" : `“${titleOf(example.question)}”`);
  }
  return [`**Examples** ${ids.length} liked answers were shown to the model: ${titles.join(", ")}`];
}

function day(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
