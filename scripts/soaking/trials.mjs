/** The long trials. `rounds`: at full length; `variable` tells the test how many, `settings` what else it needs to know. */
export const TRIALS = [
  { name: "kills", rounds: 100, file: "test/e2e/kills.test.ts", variable: "KILLS", what: "kill -9 of the server" },
  {
    name: "activations",
    rounds: 200,
    file: "test/e2e/activation.test.ts",
    variable: "ACTIVATIONS",
    what: "activations, 20 streams each",
  },
  {
    name: "stores",
    rounds: 100,
    file: "test/unit/store/sqlite/processes.test.ts",
    variable: "SOAK_ROUNDS",
    what: "kill -9 of a process that only writes",
  },
  events("sockets", "socket", "Slack's Socket Mode"),
  events("http", "http", "Slack's HTTP"),
  deliveries("discord", "Discord by edits", 50),
  deliveries("streams", "Slack by its streams", 120),
  deliveries("edits", "Slack by edits", 120),
  {
    name: "lates",
    rounds: 600,
    file: "test/e2e/delivery.test.ts",
    variable: "LATE_DELIVERIES",
    settings: { DELIVERIES: "0" },
    what: "the same by streams while calls are carried out late",
  },
  {
    name: "outages",
    rounds: 30,
    file: "test/e2e/outages.test.ts",
    variable: "OUTAGE_SECONDS",
    what: "seconds for which Redis, MongoDB and Ollama are each killed, and cut off, under three processes with people at them",
  },
  { name: "loops", rounds: 1, file: "test/e2e/learning-loop.test.ts", what: "whole learning loop" },
];

function events(name, mode, way) {
  const what = `events of people on Discord and by ${way}; limits and paces faster by the factor speedUp`;
  return {
    name,
    rounds: 50_000,
    file: "test/e2e/events.test.ts",
    variable: "EVENTS",
    settings: { EVENTS_MODE: mode },
    what,
  };
}

function deliveries(name, way, speedUp) {
  const what = `generated answers on ${way}; limits and paces ${speedUp} times as fast`;
  const settings = { DELIVERY_WAY: way };
  return { name, rounds: 10_000, file: "test/e2e/delivery.test.ts", variable: "DELIVERIES", settings, what };
}
