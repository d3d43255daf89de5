import { type CountryCode, findPhoneNumbersInText, isValidPhoneNumber } from "libphonenumber-js";
import validator from "validator";
import type { MaskedText } from "./mask-secrets.ts";

/**
 * Replaces what points to a person by a placeholder: mail and IP addresses, phone, card, account and identity numbers, platform
 * mentions, names and passwords inside addresses. Order matters: an address with credentials looks like a mail address too.
 */
export function maskPersonalData(text: string): MaskedText {
  let masked = 0;
  let result = text;
  for (const mask of MASKS) {
    result = mask(result, (placeholder) => {
      masked++;
      return placeholder;
    });
  }
  return { text: result, masked };
}

type Put = (placeholder: string) => string;
type Mask = (text: string, put: Put) => string;

const MASKS: readonly Mask[] = [
  maskCredentials,
  maskMentions,
  maskMail,
  maskIban,
  maskCards,
  maskIdentityNumbers,
  maskPhones,
  maskIpAddresses,
];

function maskCredentials(text: string, put: Put): string {
  return text.replace(
    /\b([a-z][a-z\d+.-]{1,20}:\/\/)[^\s/@?#]{1,200}@/giu,
    (_, scheme: string) => `${scheme}${put("[credentials]")}@`,
  );
}

/** `<@123>` on Discord, `<@U123>` or `<@U123|name>` on Slack. */
function maskMentions(text: string, put: Put): string {
  return text.replace(/<@(?:[!&]?\d{15,21}|[UW][A-Z\d]{6,14}(?:\|[^>\n]{1,80})?)>/gu, () => put("[person]"));
}

function maskMail(text: string, put: Put): string {
  return text.replace(
    /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}.-]{1,190}\.[\p{L}]{2,24}/gu,
    // `git@host` is the same for everybody.
    (found) =>
      !found.startsWith("git@") && validator.isEmail(found, { allow_utf8_local_part: true }) ? put("[email]") : found,
  );
}

/** Trailing words may look like more of the number: the longest start that is valid counts. */
function maskIban(text: string, put: Put): string {
  return text.replace(/(?<![A-Za-z\d])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z\d]{1,4}){3,9}(?![A-Za-z\d])/gu, (found) => {
    for (let end = found.length; end >= 15; end--) {
      const head = found.slice(0, end);
      if (/[ -]$/u.test(head) || /^[A-Za-z\d]/u.test(found.slice(end))) continue;
      if (validator.isIBAN(head.replace(/[ -]/gu, "").toUpperCase())) return put("[iban]") + found.slice(end);
    }
    return found;
  });
}

function maskCards(text: string, put: Put): string {
  return text.replace(/(?<![\d.-])\d{4}[ -]?(?:\d{4}[ -]?\d{4}[ -]?\d{1,7}|\d{6}[ -]?\d{5})(?![\d-])/gu, (found) =>
    validator.isCreditCard(found) ? put("[card]") : found,
  );
}

/** Brazilian CPF and CNPJ with their check digits, Portuguese NIF when it is called so, US social security numbers as written. */
function maskIdentityNumbers(text: string, put: Put): string {
  return text
    .replace(/(?<!\d)(?:\d{3}\.\d{3}\.\d{3}-\d{2}|\d{2}\.\d{3}\.\d{3}\/\d{4}-\d{2})(?!\d)/gu, (found) =>
      validator.isTaxID(found.replace(/\D/gu, ""), "pt-BR") ? put("[id-number]") : found,
    )
    .replace(/\b(CPF|NIF)(\D{0,12})(\d{11}|\d{9})(?!\d)/giu, (found, name: string, between: string, number: string) =>
      validator.isTaxID(number, name.toUpperCase() === "NIF" ? "pt-PT" : "pt-BR")
        ? `${name}${between}${put("[id-number]")}`
        : found,
    )
    .replace(/(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])/gu, () => put("[id-number]"));
}

function maskPhones(text: string, put: Put): string {
  if (!/(?:\d[\s().-]{0,3}){7}/u.test(text)) return text;
  return maskNationalPhones(maskInternationalPhones(text, put), put);
}

function maskInternationalPhones(text: string, put: Put): string {
  if (!text.includes("+")) return text;
  let at = 0;
  let masked = "";
  for (const found of findPhoneNumbersInText(text)) {
    masked += text.slice(at, found.startsAt) + put("[phone]");
    at = found.endsAt;
  }
  return masked + text.slice(at);
}

/**
 * Without a country code a number is a phone number when a word before it says so or its grouping is that of a phone number,
 * and one of these countries would dial it. Plain digits alone may be an order.
 */
function maskNationalPhones(text: string, put: Put): string {
  return text
    .replace(
      /(?<=(?:phone|mobile|cell|call(?: me)?|tel|telefone|telem[oó]vel|celular|whatsapp|ligue|fax|sms)[^\d\n]{0,25})(?<![\d.,-])\(?\d[\d\s().-]{6,18}\d(?![\d.,]*\d)/giu,
      (found) => (isDialled(found) ? put("[phone]") : found),
    )
    .replace(
      /(?<![\w.-])(?:\(\d{2,3}\)\s?\d{3,5}[-. ]\d{4}|\d{3}-\d{3}-\d{4}|\d{3}\.\d{3}\.\d{4})(?![\w-])/gu,
      (found) => (isDialled(found) ? put("[phone]") : found),
    );
}

const COUNTRIES: readonly CountryCode[] = ["US", "BR", "PT", "GB", "DE", "FR", "ES", "IN"];

/** Eight digits in a row are more often a date or an order. */
function isDialled(number: string): boolean {
  if (/^\d{1,8}$/u.test(number)) return false;
  return COUNTRIES.some((country) => isValidPhoneNumber(number, country));
}

/**
 * Addresses of the public internet only: private, loopback and documentation addresses belong to everybody's manuals, and so do
 * the public resolvers. Four-part version numbers are told apart by the word before them.
 */
function maskIpAddresses(text: string, put: Put): string {
  return text
    .replace(
      /(?<![\w.-])(?<!(?:version|versão|ver|release|build|v)[ .:=]{0,3})\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)/giu,
      (found) => (validator.isIP(found, 4) && isPublicIpv4(found) ? put("[ip]") : found),
    )
    .replace(/(?<![\w:])[23][\da-f]{3}(?::[\da-f]{0,4}){2,7}(?![\w:])/giu, (found) =>
      validator.isIP(found, 6) && !/^2001:0?db8:/iu.test(found) ? put("[ip]") : found,
    );
}

function isPublicIpv4(address: string): boolean {
  const [a = 0, b = 0, c = 0] = address.split(".").map(Number);
  if (a === 0 || a === 10 || a === 127 || a >= 224 || (a === 172 && b >= 16 && b <= 31)) return false;
  if ((a === 192 && b === 168) || (a === 169 && b === 254) || (a === 100 && b >= 64 && b <= 127)) return false;
  if (
    (a === 192 && b === 0 && c === 2) ||
    (a === 198 && b === 51 && c === 100) ||
    (a === 203 && b === 0 && c === 113)
  ) {
    return false;
  }
  return !RESOLVERS.has(address);
}

const RESOLVERS: ReadonlySet<string> = new Set(["1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9"]);
