import type { Context } from "hono";
import { z } from "zod";
import { HttpRefusal } from "./http-refusal.ts";

/** Rejects with HttpRefusal when the body is no JSON or does not fit. */
export async function readBody<T>(context: Context, shape: z.ZodType<T>): Promise<T> {
  const text = await context.req.text();
  let value: unknown;
  try {
    value = text.trim() === "" ? {} : JSON.parse(text);
  } catch (cause) {
    const refusal = {
      status: 400 as const,
      code: "JSON_INVALID",
      message: "Cannot read the request: it is no JSON",
      hint: "Send a JSON object",
    };
    throw new HttpRefusal(refusal, { cause });
  }
  return parse(shape, value);
}

export function readQuery<T>(context: Context, shape: z.ZodType<T>): T {
  return parse(shape, context.req.query());
}

function parse<T>(shape: z.ZodType<T>, value: unknown): T {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  throw new HttpRefusal(
    {
      status: 400,
      code: "REQUEST_INVALID",
      message: `Cannot accept the request: ${z.prettifyError(result.error).replace(/\s+/g, " ").slice(0, 400)}`,
      hint: "Mend the fields named above",
    },
    { cause: result.error },
  );
}
