import { expect, test } from "vitest";
import { isWithin, parseQuietHours } from "#core/quiet-hours.ts";

const at = (time: string) => Date.parse(`2026-11-21T${time}:00Z`);

test("parseQuietHours() reads minutes after midnight", () => {
  expect(parseQuietHours("22:05-07:30")).toEqual({ startMinute: 1325, endMinute: 450 });
});

test.each([
  ["09:00-10:00", "08:59", false],
  ["09:00-10:00", "09:00", true],
  ["09:00-10:00", "09:59", true],
  ["09:00-10:00", "10:00", false],
  ["22:00-07:00", "21:59", false],
  ["22:00-07:00", "22:00", true],
  ["22:00-07:00", "23:59", true],
  ["22:00-07:00", "00:00", true],
  ["22:00-07:00", "06:59", true],
  ["22:00-07:00", "07:00", false],
  ["00:00-00:00", "12:00", false],
])("isWithin() of %s at %s UTC is %s", (hours, time, expected) => {
  expect(isWithin(parseQuietHours(hours), at(time), "UTC")).toBe(expected);
});

test.each([
  ["Asia/Kolkata", "04:29", false],
  ["Asia/Kolkata", "04:30", true],
  ["America/New_York", "15:00", true],
  ["America/New_York", "10:30", false],
])("isWithin() goes by the clock on the wall in %s at %s UTC: %s", (timeZone, time, expected) => {
  expect(isWithin(parseQuietHours("10:00-11:00"), at(time), timeZone)).toBe(expected);
});

test("isWithin() follows summer time", () => {
  const hours = parseQuietHours("10:00-11:00");

  expect(isWithin(hours, Date.parse("2026-07-01T09:30:00Z"), "Europe/Lisbon")).toBe(true);
  expect(isWithin(hours, Date.parse("2026-12-01T09:30:00Z"), "Europe/Lisbon")).toBe(false);
});
