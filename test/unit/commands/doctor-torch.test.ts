import { expect, test } from "vitest";
import { checkTorch, type TorchContext } from "#commands/doctor-torch.ts";

const WHOLE = { missing: [], has4Bits: true, version: "2.15.0", device: "NVIDIA L4" };

function check(
  answer: unknown,
  changes: Partial<Omit<TorchContext, "trainer">> & Partial<TorchContext["trainer"]> = {},
) {
  const { backend = "torch", baseBits = "auto", ...rest } = changes;
  const asked = answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  asked.catch(() => {});
  return checkTorch({ python: "python3", trainer: { backend, baseBits }, hasNvidia: true, ask: () => asked, ...rest });
}

test("checkTorch() names version and device when all is there", async () => {
  expect(await check(WHOLE)).toMatchObject([{ state: "ok", found: "2.15.0 on NVIDIA L4, 4 bits possible" }]);
});

test("checkTorch() fails and tells how to install it when torch is chosen and missing", async () => {
  expect(await check({ missing: ["torch", "peft"], has4Bits: false })).toMatchObject([
    { state: "failure", found: "torch, peft missing", fix: expect.stringContaining("src/trainer/python[torch]") },
  ]);
});

test("checkTorch() only warns when torch is not chosen and a device lies idle", async () => {
  expect(await check({ missing: ["torch"], has4Bits: false }, { backend: "auto" })).toMatchObject([
    { state: "warning", found: expect.stringContaining("leaves the NVIDIA device idle") },
  ]);
});

test("checkTorch() says nothing, and asks nobody, when MLX trains and there is no NVIDIA device", async () => {
  const ask = () => Promise.reject(new Error("nobody should ask"));

  expect(await check(WHOLE, { backend: "auto", hasNvidia: false, ask })).toEqual([]);
  expect(await check(WHOLE, { backend: "mlx", ask })).toEqual([]);
});

test("checkTorch() warns when torch does not reach the device that is there", async () => {
  const { device: _, ...rest } = WHOLE;

  expect(await check(rest)).toMatchObject([{ state: "warning", found: expect.stringContaining("does not reach") }]);
  expect(await check(rest, { hasNvidia: false })).toMatchObject([{ state: "ok" }]);
});

test("checkTorch() fails when 4 bits are asked for and bitsandbytes is missing", async () => {
  expect(await check({ ...WHOLE, has4Bits: false }, { baseBits: 4 })).toMatchObject([
    { state: "failure", found: expect.stringContaining("bitsandbytes") },
  ]);
});

test.each([new Error("no such file"), "no object"])("checkTorch() fails when Python answers %s", async (answer) => {
  expect(await check(answer)).toMatchObject([{ state: "failure", found: "it does not load" }]);
});
