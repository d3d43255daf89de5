/** Every figure that the plan stands on: change any with --set. */
export const ASSUMPTIONS = [
  assume("messagesPerPersonPerDay", 20, "messages", "assumed"),
  assume("peakFactor", 4, "times the mean of a day in its busiest hour", "assumed"),
  assume("cacheHitRatio", 0.2, "of questions", "assumed"),
  assume("promptTokens", 600, "tokens, history included", "assumed"),
  assume("replyTokens", 150, "tokens", "assumed"),
  assume("scoresPerMessage", 0.1, "scores", "assumed"),
  assume("retentionDays", 365, "days that words are kept (privacy.retentionDays)", "assumed"),
  assume("peoplePerServer", 200, "active people of one Discord server or Slack workspace", "assumed"),
  assume("botsCpuMs", 4.1, "ms of a processor per message", "measured: npm run bench -- --only platform"),
  assume("botsCpuShare", 0.5, "of a processor that one process may use in the busiest hour", "assumed"),
  assume(
    "bytesPerTurn",
    4300,
    "bytes on disk with event, conversation and indexes (SQLite)",
    "measured: 733 and 3,746 turns of trials",
  ),
  assume("bytesPerScore", 600, "bytes", "measured: 210 bytes of JSON; the rest assumed for indexes"),
  assume("cacheEntryBytes", 4600, "bytes of Redis", "measured: node scripts/bench-redis.mjs"),
  assume("cacheHours", 24, "hours (cache.ttlSeconds)", "default"),
  assume("tokensPerSecondPerProcessor", 69.2, "tokens of SmolLM2-135M", "measured: npm run bench -- --only inference"),
  assume("gpuTokensPerSecond8B", 2500, "tokens of an 8 B model in 4 bits, batched, on one 24 GB GPU", "assumed"),
  assume("gpuPromptTokensPerSecond8B", 10_000, "tokens of prompt on the same GPU", "assumed"),
  assume("gpuShare", 0.7, "of a GPU that may be used in the busiest hour", "assumed"),
  assume("serversPerGatewayShard", 1000, "servers (Discord refuses more than 2,500)", "documented by Discord"),
  assume("mongoShardGB", 2000, "GB of one MongoDB shard", "assumed"),
  assume("mongoWritesPerSecond", 5000, "acknowledged writes of one replica set", "assumed"),
  assume("writesPerMessage", 6, "writes (3 from the cache)", "counted in the code"),
  assume(
    "trainingMinutes",
    13,
    "minutes of one run (SmolLM2, 50 examples, this machine)",
    "measured: simulate --base default",
  ),
  assume("trainingIntervalDays", 7, "days (trainer.intervalDays)", "default"),
  assume("domainsPerServer", 4, "subjects that are trained", "default"),
  assume("shareOfServersThatTrain", 0.1, "of servers at level `adapters` and ready", "assumed"),
];

function assume(name, value, unit, from) {
  return { name, value, unit, from };
}

const DAY_S = 86_400;

/** One row per need, in the order of a message's way. Counts are rounded up to whole things, and never below one. */
export function planFor(people, a) {
  const messagesPerDay = people * a.messagesPerPersonPerDay;
  const messagesPerSecond = (messagesPerDay / DAY_S) * a.peakFactor;
  const generatedPerSecond = messagesPerSecond * (1 - a.cacheHitRatio);
  const replyTokensPerSecond = generatedPerSecond * a.replyTokens;
  const servers = Math.max(1, people / a.peoplePerServer);
  const turns = messagesPerDay * a.retentionDays;
  const storageGB = (turns * (a.bytesPerTurn + a.scoresPerMessage * a.bytesPerScore)) / 1e9;
  const writesPerSecond = messagesPerSecond * a.writesPerMessage;
  const cacheEntries = messagesPerDay * (1 - a.cacheHitRatio) * (a.cacheHours / 24);
  const gpuLoad =
    replyTokensPerSecond / a.gpuTokensPerSecond8B +
    (generatedPerSecond * a.promptTokens) / a.gpuPromptTokensPerSecond8B;
  const runsPerDay = (servers * a.shareOfServersThatTrain * a.domainsPerServer) / a.trainingIntervalDays;
  return [
    row("messages a day", "", messagesPerDay),
    row("messages in the busiest second", "", messagesPerSecond),
    row("gateway shards of Discord", "", whole(servers / a.serversPerGatewayShard)),
    row("bot processes", "", whole((messagesPerSecond * a.botsCpuMs) / 1000 / a.botsCpuShare)),
    row("writes in the busiest second", "", writesPerSecond),
    row("records kept", "GB", storageGB),
    row(
      "MongoDB shards (replica sets)",
      "",
      whole(Math.max(storageGB / a.mongoShardGB, writesPerSecond / a.mongoWritesPerSecond)),
    ),
    row("Redis for the cache", "GB", (cacheEntries * a.cacheEntryBytes) / 1e9),
    row("reply tokens in the busiest second", "", replyTokensPerSecond),
    row("processors for SmolLM2-135M", "", whole(replyTokensPerSecond / a.tokensPerSecondPerProcessor)),
    row("24 GB GPUs for an 8 B model", "", whole(gpuLoad / a.gpuShare)),
    row("training runs a day", "", runsPerDay),
    row("trainers (2 processors each)", "", whole((runsPerDay * a.trainingMinutes) / 1440)),
  ];
}

function row(name, unit, value) {
  return { name, unit, value };
}

function whole(value) {
  return Math.max(1, Math.ceil(value));
}
