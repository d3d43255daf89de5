import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ConfigInputs, isChosenByOperator, loadConfig, loadSettings, programDirectory } from "#config/load.ts";
import { settingKeys } from "#config/settings.ts";
import { namedVariables } from "#config/variables.ts";
import { ConfigInvalidError } from "#core/errors.ts";

const discordToken = `${"M".repeat(24)}.${"G".repeat(6)}.${"x".repeat(27)}`;

/** Inputs of an operator in /srv whose files are `files`. */
function inputs({
  files = {},
  ...rest
}: Partial<ConfigInputs> & { files?: Readonly<Record<string, string>> } = {}): ConfigInputs {
  const byPath = new Map(Object.entries(files));
  return {
    argvSettings: [],
    environment: {},
    workingDirectory: "/srv",
    readFile: (path) =>
      byPath.get(path) ?? (path.startsWith(programDirectory) ? readFileSync(path, "utf8") : undefined),
    ...rest,
  };
}

function problemsOf(given: ConfigInputs): readonly string[] {
  try {
    loadConfig(given);
  } catch (error) {
    if (error instanceof ConfigInvalidError) return error.problems;
    throw error;
  }
  return [];
}

describe("loadConfig()", () => {
  test("loadConfig() gives the documented defaults when nobody sets anything", () => {
    const config = loadConfig(inputs());

    expect(config.trainer).toMatchObject({ rank: 16, alpha: 32, epochs: 3, learningRate: 1e-4, intervalDays: 7 });
    expect(config.readiness).toMatchObject({
      conversationsMin: 50,
      messagesMin: 200,
      feedbackMin: 20,
      scoreMeanMin: 3.5,
    });
    expect(config.dataset.days).toBe(30);
    expect(config.cache.ttlSeconds).toBe(86_400);
    expect(config.feedback.emoji.get("😍")).toBe(5);
  });

  test("loadConfig() prefers flags to environment, .env, file and defaults when all of them set a value", () => {
    const file = { "/srv/reactune.yaml": "trainer:\n  rank: 2\n" };
    const both = { ...file, "/srv/.env": "LORA_RANK=3\n" };
    const environment = { LORA_RANK: "4" };
    const argvSettings = [{ key: "trainer.rank", value: "5", flag: "--set" }];

    const ranks = [
      inputs(),
      inputs({ files: file }),
      inputs({ files: both }),
      inputs({ files: both, environment }),
      inputs({ files: both, environment, argvSettings }),
    ].map((given) => loadConfig(given).trainer.rank);

    expect(ranks).toEqual([16, 2, 3, 4, 5]);
  });

  test("loadConfig() takes a command's preset when the operator says nothing else", () => {
    const presets = { "trainer.rank": "2", "trainer.epochs": "9" };

    const { trainer } = loadConfig(inputs({ presets, environment: { LORA_RANK: "3" } }));

    expect([trainer.rank, trainer.epochs]).toEqual([3, 9]);
  });

  test("loadConfig() reads every named variable when it is set", () => {
    const environment = {
      DISCORD_TOKEN: discordToken,
      SLACK_BOT_TOKEN: "xoxb-1234567890",
      SLACK_APP_TOKEN: "xapp-1234567890",
      SLACK_SIGNING_SECRET: "0123456789abcdef",
      SLACK_CLIENT_ID: "1234567890.1234567890",
      SLACK_CLIENT_SECRET: "0123456789abcdef",
      REACTUNE_ENCRYPTION_KEY: "ab".repeat(32),
      MODERATION_API_KEY: "key",
      INFERENCE_API_KEY: "k-1",
      OPENAI_API_KEY: "sk-1",
      GROQ_API_KEY: "gsk_1",
      TOGETHER_API_KEY: "t-1",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318",
      OLLAMA_HOST: "0.0.0.0",
      MONGODB_URI: "mongodb://user:word@db:27017/reactune",
      REDIS_URL: "redis://cache:6379",
      ENABLE_FINE_TUNING: "off",
      MIN_EXAMPLES_PER_DOMAIN: "60",
      TRAINING_DATA_DAYS: "14",
      AUTO_TRAINING_INTERVAL: "3",
      LORA_RANK: "8",
      LORA_ALPHA: "16",
      TRAINING_EPOCHS: "2",
      LEARNING_RATE: "2e-4",
      CACHE_TTL: "60",
    };

    const config = loadConfig(inputs({ environment }));

    expect(Object.keys(environment).sort()).toEqual([...namedVariables.keys()].sort());
    expect(config.operations.tracesUrl).toBe("http://127.0.0.1:4318");
    expect(config.credentials).toEqual({
      discordToken,
      slackBotToken: "xoxb-1234567890",
      slackAppToken: "xapp-1234567890",
      slackSigningSecret: "0123456789abcdef",
      slackClientId: "1234567890.1234567890",
      slackClientSecret: "0123456789abcdef",
      encryptionKey: "ab".repeat(32),
      moderationKey: "key",
      inferenceKey: "k-1",
      openaiKey: "sk-1",
      groqKey: "gsk_1",
      togetherKey: "t-1",
    });
    expect(config.servers).toEqual({
      ollamaUrl: "http://127.0.0.1:11434",
      mongodbUri: "mongodb://user:word@db:27017/reactune",
      redisUrl: "redis://cache:6379",
    });
    expect(config.trainer).toMatchObject({
      enabled: false,
      intervalDays: 3,
      rank: 8,
      alpha: 16,
      epochs: 2,
      learningRate: 2e-4,
    });
    expect([config.readiness.examplesMin, config.dataset.days, config.cache.ttlSeconds]).toEqual([60, 14, 60]);
  });

  test("loadConfig() reads any setting from its generic variable when that is set", () => {
    const environment = { REACTUNE_INFERENCE__REPLY_TOKENS_MAX: "64", REACTUNE_TRAINER__PROMOTION: "ask" };

    const config = loadConfig(inputs({ environment }));

    expect([config.inference.replyTokensMax, config.trainer.promotion]).toEqual([64, "ask"]);
  });

  test("loadConfig() adds an operator's emoji when the file names some", () => {
    const config = loadConfig(
      inputs({ files: { "/srv/reactune.yaml": 'feedback:\n  emoji:\n    "🎉": 5\n    "😐": 2\n' } }),
    );

    expect(["🎉", "😐", "😍"].map((emoji) => config.feedback.emoji.get(emoji))).toEqual([5, 2, 5]);
  });

  test("loadConfig() starts relative paths at the file that gives them when they stand in one", () => {
    const text = "data:\n  directory: here\nassistant:\n  domainsFile: subjects.yaml\ninference:\n  model: big.gguf\n";

    const config = loadConfig(inputs({ files: { "/etc/bot/my.yaml": text }, configFile: "/etc/bot/my.yaml" }));

    expect(config.data.directory).toBe("/etc/bot/here");
    expect(config.assistant.domainsFile).toBe("/etc/bot/subjects.yaml");
    expect(config.inference.model).toBe("/etc/bot/big.gguf");
    expect(loadConfig(inputs()).data.directory).toBe("/srv/.reactune");
    expect(loadConfig(inputs()).assistant.domainsFile).toBe(join(programDirectory, "config", "domains.yaml"));
  });

  test("loadConfig() reads a secret from a file when its _FILE variable names one", () => {
    const files = { "/run/secrets/discord": `${discordToken}\n` };

    const config = loadConfig(inputs({ files, environment: { DISCORD_TOKEN_FILE: "/run/secrets/discord" } }));

    expect(config.credentials.discordToken).toBe(discordToken);
  });

  test("loadConfig() takes an empty variable as unset when a template leaves one", () => {
    const config = loadConfig(inputs({ files: { "/srv/.env": "DISCORD_TOKEN=\nLORA_RANK=\n" } }));

    expect([config.credentials.discordToken, config.trainer.rank]).toEqual([undefined, 16]);
  });

  test("loadConfig() names key, value, file, line and remedy when a value is wrong", () => {
    const problems = problemsOf(inputs({ files: { "/srv/reactune.yaml": "# mine\ntrainer:\n  rank: lots\n" } }));

    expect(problems).toEqual([
      'trainer.rank: "lots" is not a whole number from 1 to 256 (reactune.yaml:3): give a whole number from 1 to 256, or remove it there to use the default',
    ]);
  });

  test("loadConfig() tells all problems at once when there are several", () => {
    const problems = problemsOf(
      inputs({
        files: { "/srv/reactune.yaml": "web:\n  prot: 1\n  port: 70000\n", "/srv/.env": "LORA_RNAK=1\n" },
        environment: { CACHE_TTL: "soon", REACTUNE_WEB__PRT: "1" },
        argvSettings: [{ key: "logs.level", value: "info", flag: "--set" }],
      }),
    );

    expect(problems.map((problem) => problem.split(":")[0])).toEqual([
      "web.prot",
      "LORA_RNAK",
      "REACTUNE_WEB__PRT",
      "logs.level",
      "web.port",
      "cache.ttlSeconds",
    ]);
    expect(problems[0]).toContain("did you mean web.port?");
    expect(problems[1]).toContain(".env:1");
    expect(problems[1]).toContain("did you mean LORA_RANK?");
  });

  test.each([
    ["readiness.scoreMeanMin", "0.5"],
    ["readiness.scoreMeanMin", "5.5"],
    ["inference.temperature", "NaN"],
    ["trainer.learningRate", "1"],
    ["trainer.quietHours", "25:00-07:00"],
    ["trainer.timeZone", "Mars/Olympus"],
    ["trainer.schedule", "hourly"],
    ["log.level", "loud"],
    ["web.enabled", "maybe"],
    ["evaluation.gradeMin", "E"],
    ["feedback.emoji.tada", "6"],
  ])("loadConfig() refuses %s when it is %s", (key, value) => {
    const problems = problemsOf(inputs({ argvSettings: [{ key, value, flag: `--set ${key}` }] }));

    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`${key}: "${value}" is not`);
  });

  test.each(["__proto__.polluted", "constructor.name", "trainer.__proto__", "trainer.rank.more", "", "."])(
    "loadConfig() refuses the key '%s' when it is no setting",
    (key) => {
      expect(problemsOf(inputs({ argvSettings: [{ key, value: "1", flag: "--set" }] }))).toHaveLength(1);
    },
  );

  test("loadConfig() refuses a secret and does not repeat it when it stands in a file or a flag", () => {
    const problems = problemsOf(
      inputs({
        files: {
          "/srv/reactune.yaml": `credentials:\n  discordToken: ${discordToken}\nservers:\n  redisUrl: redis://me:word@h:1\n`,
        },
        argvSettings: [{ key: "credentials.slackBotToken", value: "xoxb-secret-secret", flag: "--set" }],
      }),
    );

    expect(problems).toHaveLength(3);
    expect(problems[0]).toContain("set DISCORD_TOKEN in .env");
    expect(problems.join(" ")).not.toMatch(/MMMM|:word|xoxb-secret/);
  });

  test("loadConfig() does not repeat a credential when its form is wrong", () => {
    const problems = problemsOf(inputs({ environment: { SLACK_BOT_TOKEN: "hunter2hunter2" } }));

    expect(problems).toHaveLength(1);
    expect(problems[0]).not.toContain("hunter2");
  });

  test("loadConfig() refuses the key of a server in a file, and reads it from the environment", () => {
    const yaml =
      'credentials:\n  openaiKey: "sk-secret"\ninference:\n  hosts: ["http://a/v1", "http://me:word@b/v1"]\n';
    const problems = problemsOf(inputs({ files: { "/srv/reactune.yaml": yaml } }));

    expect(problems.join("\n")).toMatch(/reactune\.yaml:2\): remove it there and set OPENAI_API_KEY in \.env/);
    expect(problems.join("\n")).toMatch(/inference\.hosts: a secret .*set REACTUNE_INFERENCE__HOSTS in \.env/);
    expect(problems.join("\n")).not.toMatch(/sk-secret|word/);
    const environment = {
      OPENAI_API_KEY: "sk-secret",
      INFERENCE_API_KEY_FILE: "/key",
      REDIS_URL: "redis://me:word@b",
    };
    const { config, settings } = loadSettings(inputs({ environment, files: { "/key": "k-1\n" } }));
    expect(config.credentials).toMatchObject({ openaiKey: "sk-secret", inferenceKey: "k-1" });
    expect(JSON.stringify(settings)).not.toMatch(/sk-secret|k-1|word/);
  });

  test.each([
    ["MONGODB_URI", "me:hunter2@db:27017/reactune"],
    ["MONGODB_URI", "mongo://h/reactune?tlsCertificateKeyFilePassword=hunter2"],
    ["REDIS_URL", "redis:/:hunter2@h:6379"],
    ["OLLAMA_HOST", "me:hunter2@gpu:port"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "me:hunter2@collector:4318"],
  ])("loadConfig() does not repeat the password of %s when the address is misspelt", (name, value) => {
    const problems = problemsOf(inputs({ environment: { [name]: value } }));

    expect(problems.join("\n")).toContain(`environment variable ${name}`);
    expect(problems.join("\n")).not.toContain("hunter2");
  });

  test("loadSettings() shows no password when one stands in an address, behind its user or in an option", () => {
    const environment = {
      MONGODB_URI: "mongodb://h/reactune?tls=true&tlsCertificateKeyFilePassword=hunter2&w=1",
      REDIS_URL: "redis://me:hunt/er2@h:6379",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://me:hunter2@collector:4318",
    };

    const shown = JSON.stringify(loadSettings(inputs({ environment })).settings);

    expect(shown).not.toMatch(/hunt\/?er2/);
    expect(shown).toContain("mongodb://h/reactune?tls=true&tlsCertificateKeyFilePassword=(hidden)&w=1");
    expect(shown).toContain("redis://(hidden)@h:6379");
    expect(shown).toContain("http://(hidden)@collector:4318");
  });

  test.each([
    ["OLLAMA_HOST", "http://me:hunter2@gpu:11434", "servers.ollamaUrl"],
    ["REACTUNE_INFERENCE__HOSTS", "http://a/v1,http://me:hunter2@b/v1", "inference.hosts"],
    ["REACTUNE_INFERENCE__EMBEDDING_HOST", "http://me:hunter2@b/v1", "inference.embeddingHost"],
    ["REACTUNE_MODERATION__URL", "http://me:hunter2@b/v1", "moderation.url"],
  ])("loadConfig() refuses a password in %s, which cannot be sent", (name, value, key) => {
    const problems = problemsOf(inputs({ environment: { [name]: value } }));

    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${key}: .*leave them out`));
    expect(problems[0]).not.toContain("hunter2");
  });

  test.each(["hunt/er2", "hunt@er2", "hunt:er2"])(
    "loadConfig() asks to escape the password %s of MONGODB_URI",
    (word) => {
      const problems = problemsOf(inputs({ environment: { MONGODB_URI: `mongodb://me:${word}@db:27017/reactune` } }));

      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(/^servers\.mongodbUri: .* write @ as %40, : as %3A, \/ as %2F$/);
      expect(problems[0]).not.toMatch(/hunt|er2/);
    },
  );

  test.each([
    "mongodb://me:hunt%2Fer2@one:27017,two:27017/reactune?replicaSet=rs0",
    "mongodb://one:27017/reactune?appName=me@home",
    "mongodb://one:27017/?appName=me@home",
    "mongodb+srv://me:word@cluster.example/reactune?retryWrites=true",
  ])("loadConfig() takes %s", (uri) => {
    expect(problemsOf(inputs({ environment: { MONGODB_URI: uri } }))).toEqual([]);
  });

  test("loadConfig() names the place of an alias without an anchor, as a Slack emphasis looks", () => {
    const yaml = "moderation:\n  blockedWords: [good, *bad]\n";

    expect(problemsOf(inputs({ files: { "/srv/reactune.yaml": yaml } }))).toEqual([
      "moderation.blockedWords: an alias (*) names no anchor (&) above it (reactune.yaml:2): " +
        "put a text that begins with * in quotes",
    ]);
  });

  test("loadConfig() asks for quotes when ids are numbers to YAML", () => {
    const yaml = "chat:\n  allowedChannels: [1234567890123456789]\n  adminChannel: 1234567890123456789\n";

    const problems = problemsOf(inputs({ files: { "/srv/reactune.yaml": yaml } }));

    expect(problems).toHaveLength(2);
    for (const problem of problems) expect(problem).toMatch(/give .* in quotes/);
  });

  test.each([
    ["/srv/reactune.yaml", "reactune.yaml"],
    ["/srv/.env", ".env"],
  ])("loadConfig() refuses to go on without %s when it is there and cannot be read", (path, name) => {
    const { readFile, ...rest } = inputs();
    const refuse = (asked: string) => {
      if (asked === path) throw Object.assign(new Error("no"), { code: "EACCES" });
      return readFile(asked);
    };

    expect(problemsOf({ ...rest, readFile: refuse })).toEqual([
      `${name}: the file cannot be read (EACCES): check whose it is, and that it is a file`,
    ]);
  });

  test("loadConfig() leaves the name of a model that Ollama pulled as it is", () => {
    const yaml = "inference:\n  model: ollama:llama3.2:1b\n";

    expect(loadConfig(inputs({ files: { "/srv/reactune.yaml": yaml } })).inference.model).toBe("ollama:llama3.2:1b");
  });

  test("loadConfig() refuses a secret given twice when variable and file are both set", () => {
    const environment = { REDIS_URL: "redis://a:1", REDIS_URL_FILE: "/x" };

    expect(problemsOf(inputs({ environment }))[0]).toContain("REDIS_URL_FILE and REDIS_URL are both set");
  });

  test("loadConfig() says which file is missing when a flag names it", () => {
    const problems = problemsOf(inputs({ configFile: "nope.yaml", envFile: "nope.env" }));

    expect(problems).toEqual([
      '--config: file "nope.yaml" cannot be read: check the path',
      '--env-file: file "nope.env" cannot be read: check the path',
    ]);
  });

  test("loadConfig() says what is wrong when the file is no YAML", () => {
    expect(problemsOf(inputs({ files: { "/srv/reactune.yaml": "web: [1" } }))[0]).toMatch(/^reactune.yaml: /);
    expect(problemsOf(inputs({ files: { "/srv/reactune.yaml": "- a\n- b\n" } }))[0]).toContain(
      "not a list of sections",
    );
  });

  test("loadConfig() refuses settings that contradict each other when a reply would fill the context", () => {
    const problems = problemsOf(inputs({ environment: { REACTUNE_INFERENCE__REPLY_TOKENS_MAX: "4096" } }));

    expect(problems[0]).toContain("leaves no room for a question");
  });
});

describe("loadSettings()", () => {
  test("loadSettings() tells the source of every value when several sources speak", () => {
    const { settings } = loadSettings(
      inputs({
        files: { "/srv/reactune.yaml": "log:\n  level: debug\n", "/srv/.env": "\nLORA_RANK=8\n" },
        environment: { CACHE_TTL: "60", DISCORD_TOKEN: discordToken },
        argvSettings: [{ key: "web.port", value: "9000", flag: "--port" }],
      }),
    );
    const placeOf = (key: string) => settings.find((setting) => setting.key === key)?.source.place;

    expect(["log.level", "trainer.rank", "cache.ttlSeconds", "web.port"].map(placeOf)).toEqual([
      "reactune.yaml:2",
      ".env:2",
      "environment variable CACHE_TTL",
      "--port",
    ]);
    expect(placeOf("web.host")).toMatch(/^config\/default.yaml:\d+$/);
    expect(JSON.stringify(settings)).not.toContain(discordToken);
    expect([isChosenByOperator(settings, "web.port"), isChosenByOperator(settings, "web.host")]).toEqual([true, false]);
  });
});

describe("config/default.yaml", () => {
  const text = readFileSync(join(programDirectory, "config", "default.yaml"), "utf8");

  test("config/default.yaml holds every setting with a comment when read by an operator", () => {
    const lines = text.split("\n");
    const undocumented = settingKeys.filter((key) => {
      const [section, name] = key.split(".");
      const start = lines.indexOf(`${section}:`);
      const index = lines.findIndex((line, at) => at > start && new RegExp(`^ {2}(# )?${name}:`).test(line));
      return start < 0 || index < 0 || !/^ {2}# /.test(lines[index - 1] ?? "");
    });

    expect(undocumented).toEqual([]);
  });
});
