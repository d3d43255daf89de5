import { expect, test } from "vitest";
import { maskPersonalData } from "#trainer/mask-personal-data.ts";

test.each([
  ["write to ana.silva+shop@mail.example.com today", "write to [email] today"],
  ["<mailto:bob@example.org|bob@example.org>", "<mailto:[email]|[email]>"],
  ["josé@exámple.com.br wrote", "[email] wrote"],
  ["call +351 912 345 678 after six", "call [phone] after six"],
  ["+1 (415) 555-2671, thanks", "[phone], thanks"],
  ["meu celular: (11) 98765-4321", "meu celular: [phone]"],
  ["my phone is 415-555-2671.", "my phone is [phone]."],
  ["ligue para 21 987654321", "ligue para [phone]"],
  ["IBAN DE89 3704 0044 0532 0130 00 please", "IBAN [iban] please"],
  ["pay to GB29NWBK60161331926819", "pay to [iban]"],
  ["PT50 0002 0123 1234 5678 9015 4 ok", "[iban] ok"],
  ["card 4111 1111 1111 1111 exp 12/29", "card [card] exp 12/29"],
  ["5500-0000-0000-0004", "[card]"],
  ["amex 378282246310005", "amex [card]"],
  ["CPF 529.982.247-25", "CPF [id-number]"],
  ["CNPJ 11.222.333/0001-81", "CNPJ [id-number]"],
  ["my NIF is 123456789", "my NIF is [id-number]"],
  ["ssn 536-22-8726", "ssn [id-number]"],
  ["banned 84.91.22.13 yesterday", "banned [ip] yesterday"],
  ["from 2a02:8109:9ec0:1e2::5 again", "from [ip] again"],
  ["https://joe:secret@host.example/x", "https://[credentials]@host.example/x"],
  ["ask <@123456789012345678> or <@U024BE7LH>", "ask [person] or [person]"],
])("maskPersonalData() masks %j", (text, masked) => {
  expect(maskPersonalData(text).text).toBe(masked);
});

test.each([
  "Chrome 120.0.6099.109 and version 4.8.1.0, v1.2.3.4",
  "order 20261121004711 and invoice 2026-00012345",
  "ticket 4111111111111112 fails",
  "it listens on 127.0.0.1:8080, 192.168.0.10, 10.0.0.5 and 0.0.0.0",
  "use 8.8.8.8 or 1.1.1.1 as resolver; 203.0.113.7 in the manual",
  "std::vector<int>::iterator, face::add, a::b",
  "at 12:30:45 on 2026-11-21T09:46:22Z",
  "const id = 0xdeadbeef; let n = 1_000_000_000;",
  "npm i @types/node@20.1.0 and user@host in a shell prompt",
  "sum 1.234.567,89 EUR, 3.14159265358979, 1 000 000 000",
  "ISBN 978-3-16-148410-0",
  "uuid 123e4567-e89b-12d3-a456-426614174000",
  "sha 9b74c9897bac770ffc029102a200c5de",
  "lat 38.7223, long -9.1393",
  "git clone git@github.example:owner/name.git",
  "phone support opens at 9 and closes at 18",
  "call me maybe 20261121",
  "https://example.com/a@b?x=1",
  "<@everyone> is no person, and :smile: is an emoji",
])("maskPersonalData() leaves %j alone", (text) => {
  expect(maskPersonalData(text)).toEqual({ text, masked: 0 });
});

test("maskPersonalData() counts what it replaced", () => {
  expect(maskPersonalData("a@example.com, b@example.com and 84.91.22.13").masked).toBe(3);
});

test.each([
  ["digits", "1".repeat(50_000)],
  ["grouped digits", "1234 ".repeat(10_000)],
  ["at signs", "a@".repeat(25_000)],
  ["dots", "1.".repeat(25_000)],
  ["colons", "2a02:".repeat(10_000)],
  ["pluses", "+1 ".repeat(16_000)],
  ["letters", "a".repeat(50_000)],
  ["mail starts", `${"a.".repeat(25_000)}@`],
  ["phone words", "tel ".repeat(12_000)],
])("maskPersonalData() ends within a second when a text is made of %s", (_, text) => {
  const startedAtMs = performance.now();
  maskPersonalData(text);

  expect(performance.now() - startedAtMs).toBeLessThan(1000);
});
