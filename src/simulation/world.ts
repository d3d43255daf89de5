import { readFileSync } from "node:fs";
import { z } from "zod";

const Fact = z.object({
  id: z.string(),
  /** Ways to ask for it in chat. */
  questions: z.array(z.string()).min(2),
  /** Ways to ask for it that nobody uses in chat: what was learned is measured on them. */
  heldOut: z.array(z.string()).min(1),
  answer: z.string(),
  vague: z.array(z.string()),
});
export type Fact = z.infer<typeof Fact>;

const World = z.object({
  systemPrompt: z.string(),
  domains: z.record(z.string(), z.object({ facts: z.array(Fact).min(1) })),
  smallTalk: z.array(z.object({ questions: z.array(z.string()).min(1), answer: z.string() })),
});

/** What the simulated people know and the assistant should learn. */
export interface World {
  readonly systemPrompt: string;
  readonly factsOf: (domain: string) => readonly Fact[];
  readonly domains: readonly string[];
  /** Questions of no domain: what an adapter must not change. */
  readonly generalQuestions: readonly string[];
}

export function readWorld(path: string): World {
  const { systemPrompt, domains, smallTalk } = World.parse(JSON.parse(readFileSync(path, "utf8")));
  const facts = new Map(Object.entries(domains).map(([domain, content]) => [domain, content.facts]));
  return {
    systemPrompt,
    domains: [...facts.keys()],
    factsOf: (domain) => facts.get(domain) ?? [],
    generalQuestions: smallTalk.flatMap(({ questions }) => questions),
  };
}

/** The same world with the first facts of each domain only. */
export function limitFacts(world: World, factsMax: number): World {
  return { ...world, factsOf: (domain) => world.factsOf(domain).slice(0, factsMax) };
}
