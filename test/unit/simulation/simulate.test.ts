import { expect, onTestFinished, test } from "vitest";
import type { Feedback } from "#core/feedback.ts";
import type { RunState } from "#core/learning.ts";
import { type SimulationPlan, simulate } from "#simulation/simulate.ts";
import type { World } from "#simulation/world.ts";
import { openWorld, scopeOf } from "../../fixtures/dashboard/open-world.ts";

const FACTS = [
  { id: "a", questions: ["order colour?", "order shade?"], heldOut: ["?"], answer: "Blue", vague: [] },
  { id: "b", questions: ["order size?", "order width?"], heldOut: ["?"], answer: "Large", vague: [] },
];
const WORLD: World = { systemPrompt: "", domains: ["support"], factsOf: () => FACTS, generalQuestions: [] };
const PLAN: SimulationPlan = {
  domains: ["support"],
  people: 2,
  taste: { reactsToRight: 1, reactsToWrong: 1, teaches: 0, slips: 0 },
  seed: 3,
  questionsMax: 200,
  questionsAfter: 20,
};

/** People chat for real; the model learns the right answers when a run "activates". */
async function openSimulation(states: readonly RunState[], examplesMin = 8) {
  let isLearned = false;
  const asked: string[] = [];
  const world = await openWorld({
    examplesMin,
    answer: (question) => {
      asked.push(question);
      const fact = FACTS.find(({ questions }) => questions.includes(question));
      return { text: isLearned || question === "order colour?" ? (fact?.answer ?? "?") : "No idea" };
    },
  });
  onTestFinished(() => world.close());
  const lines: string[] = [];
  let trains = 0;
  const run = (plan: Partial<SimulationPlan> = {}) =>
    simulate(
      {
        world: WORLD,
        localChat: world.connector,
        chat: world.store.chat,
        collect: async (feedback) => (await world.parts.collectFeedback(feedback)) as Feedback | undefined,
        readReadiness: async (domain) => {
          const all = await world.parts.readReadiness();
          const found = all.find((item) => item.domain === domain);
          if (found === undefined) throw new Error(`There is no domain ${domain}`);
          return found.readiness;
        },
        async train(domain) {
          const state = states[trains++] ?? "failed";
          isLearned = state === "activated";
          const verdict = `verdict ${trains}`;
          return {
            id: "r",
            scope: scopeOf(domain),
            state,
            verdict,
            requestedBy: "",
            requestedAtMs: 1,
            examplesEver: 1,
            attempts: 1,
          };
        },
        examine: async () => ({ questions: 2, exact: isLearned ? 2 : 0, exactRatio: isLearned ? 1 : 0, tokenF1: 0.5 }),
        now: Date.now,
        tell: (line) => lines.push(line),
      },
      { ...PLAN, ...plan },
    );
  return { ...world, run, lines, asked, trains: () => trains };
}

test("simulate() lets people chat until a domain is ready, trains it, and shows that replies got better", async () => {
  const { run, lines } = await openSimulation(["activated"]);

  const [outcome] = await run({ questionsMax: 40 });

  expect(outcome).toMatchObject({
    domain: "support",
    run: { state: "activated" },
    before: { exact: 0 },
    after: { exact: 2 },
  });
  const curve = outcome?.curve ?? [];
  const last = curve.at(-1);
  expect(curve[0]).toMatchObject({ questions: 20, phase: "before" });
  expect(curve[0]?.rightRatio).toBeLessThan(0.5);
  expect(last).toMatchObject({ phase: "after" });
  expect(last?.readiness).toBeGreaterThan(0);
  expect(lines).toContain("support: activated: verdict 1");
});

test("simulate() goes on chatting and trains again when an adapter was rejected, three times at most", async () => {
  const second = await openSimulation(["rejected", "activated"]);
  expect((await second.run({ questionsMax: 20 }))[0]?.run.state).toBe("activated");
  expect(second.trains()).toBe(2);

  const never = await openSimulation(["rejected", "rejected", "rejected", "activated"]);
  expect((await never.run({ questionsMax: 20 }))[0]?.run.state).toBe("rejected");
  expect(never.trains()).toBe(3);
});

test("simulate() asks all of a domain's questions equally often", async () => {
  const { run, store } = await openSimulation(["activated"]);
  await run({ questionsMax: 40, questionsAfter: 0 });

  const conversations = await store.chat.listConversations({ workspaceId: "local:home", limit: 200 });
  const turns = (await Promise.all(conversations.map(({ id }) => store.chat.listHistory(id, 50)))).flat();
  const counts = FACTS.flatMap(({ questions }) => questions).map(
    (question) => turns.filter((turn) => turn.question === question).length,
  );
  expect(counts).toEqual([10, 10, 10, 10]);
  expect(Math.max(...conversations.map((conversation) => conversation.turns))).toBeLessThanOrEqual(2);
});
