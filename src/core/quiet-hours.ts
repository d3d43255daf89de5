/** A span of the day in minutes after midnight; it may pass midnight ("22:00-07:00"). */
export interface QuietHours {
  readonly startMinute: number;
  readonly endMinute: number;
}

/** Parses "22:00-07:00"; the form is checked by the config's schema. */
export function parseQuietHours(text: string): QuietHours {
  const [startMinute, endMinute] = text.split("-").map((time) => {
    const [hour, minute] = time.split(":").map(Number);
    return (hour ?? 0) * 60 + (minute ?? 0);
  });
  return { startMinute: startMinute ?? 0, endMinute: endMinute ?? 0 };
}

export function isWithin(hours: QuietHours, nowMs: number, timeZone: string): boolean {
  const parts = new Intl.DateTimeFormat("en", {
    hour: "numeric",
    minute: "numeric",
    hourCycle: "h23",
    timeZone,
  }).formatToParts(nowMs);
  const read = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0);
  const minute = read("hour") * 60 + read("minute");
  const { startMinute, endMinute } = hours;
  return startMinute <= endMinute
    ? minute >= startMinute && minute < endMinute
    : minute >= startMinute || minute < endMinute;
}
