import { expect, test } from "vitest";
import { maskSecrets } from "#trainer/mask-secrets.ts";

const mask = async (text: string) => (await maskSecrets([text]))[0];
/** Joined at run time: scanners of repositories must not take the examples for leaks. */
const join = (...parts: readonly string[]) => parts.join("");

test.each([
  ["a Discord bot token", join("MTk4NjIyNDgzNDcxOTI1MjQ4", ".Cl2FMQ.", "ZnCjm1XVW7vRze4b7Cq4se7kKWs")],
  ["a Slack bot token", join("xoxb-", "123456789012-1234567890123-", "AbCdEfGhIjKlMnOpQrStUvWx")],
  ["a GitHub token", join("ghp_", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx")],
  ["an AWS key id", join("AKIA", "IOSFODNN7EXAMPL2")],
  ["an Anthropic key", join("sk-ant-api03-", "a".repeat(93), "AA")],
  ["an OpenAI project key", join("sk-proj-", "abcDEF123".repeat(8))],
  ["an npm token", join("npm_", "a1B2".repeat(9))],
  ["a Google key", join("AIza", "SyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe")],
  ["a Stripe key", join("sk_live_", "4eC39HqLyjWDarjtT1zdp7dc")],
  ["a Telegram token", join("123456789:", "AAF8kx1Y2z3A4b5C6d7E8f9G0h1I2j3K4l5")],
  [
    "a JSON web token",
    join("eyJhbGciOiJIUzI1NiJ9.", "eyJzdWIiOiIxMjM0NTY3ODkwIn0.", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"),
  ],
  ["a private key", join("-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA", "x\n-----END RSA PRIVATE KEY-----")],
])("maskSecrets() masks %s", async (_, secret) => {
  const masked = await mask(`My bot stopped working with ${secret} since noon, what now?`);

  expect(masked?.text).toBe("My bot stopped working with [secret] since noon, what now?");
  expect(masked?.masked).toBe(1);
});

test.each([
  ["my password is hunter2x!", "my password is [secret]!"],
  ["senha: Abacaxi99", "senha: [secret]"],
  ['api_key = "k3y-9f8e7d6c"', 'api_key = "[secret]"'],
  ["mongodb://root:pw12@db:27017/x", "[secret]"],
  ["Authorization: Bearer abcdef0123456789abcdef0123", "Authorization: Bearer [secret]"],
])("maskSecrets() masks what is secret in %j", async (text, wanted) => {
  expect((await mask(text))?.text).toBe(wanted);
});

test.each([
  "password: required, at least 8 characters",
  "How do I reset my password? The password is wrong.",
  "set the api key in the settings page; token: string",
  "const password = getPassword(user1);",
  "version 1.2.3-beta.4+build.567",
  "the sk-learn package and task-list-of-the-whole-week-for-everyone",
  "commit 9b74c9897bac770ffc029102a200c5de3b6a1f00",
  "https://example.com/path?x=1#frag and mailto:a@b.example",
  "Where is the -----BEGIN line of a certificate?",
  "order 123456789: waiting",
])("maskSecrets() leaves %j alone", async (text) => {
  expect(await mask(text)).toEqual({ text, masked: 0 });
});

test("maskSecrets() masks all the same when the text tells secretlint to be quiet", async () => {
  const masked = await mask(`/* secretlint-disable */ ${join("ghp_", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx")}`);

  expect(masked?.text).toBe("/* secretlint-disable */ [secret]");
});

test("maskSecrets() gives every text its own mask when many come at once", async () => {
  const token = join("xoxb-", "123456789012-1234567890123-", "AbCdEfGhIjKlMnOpQrStUvWx");
  const texts = Array.from({ length: 300 }, (_, index) =>
    index % 3 === 0 ? `😀 ${index} ${token} end` : `plain ${index}`,
  );

  const masked = await maskSecrets(texts);

  expect(masked.map(({ text }) => text)).toEqual(
    texts.map((text, index) => (index % 3 === 0 ? `😀 ${index} [secret] end` : text)),
  );
});

test("maskSecrets() does not let a key opened in one text swallow the next", async () => {
  const masked = await maskSecrets([
    "Look: -----BEGIN RSA PRIVATE KEY-----\nMIIEpAIB",
    "A harmless question.",
    "-----END RSA PRIVATE KEY----- was at the end",
  ]);

  expect(masked[0]?.text).toBe("Look: [secret]");
  expect(masked[1]?.text).toBe("A harmless question.");
});

test.each([
  ["letters", "a".repeat(50_000)],
  ["dots", "M.".repeat(25_000)],
  ["token starts", "eyJ".repeat(16_000)],
  ["key names", "password is ".repeat(4000)],
  ["key openings", "-----BEGIN PRIVATE KEY-----".repeat(2000)],
  ["addresses", "https://a:".repeat(5000)],
])("maskSecrets() ends within two seconds when a text is made of %s", async (_, text) => {
  const startedAtMs = performance.now();
  await mask(text);

  expect(performance.now() - startedAtMs).toBeLessThan(2000);
});
