import { describe, expect, test } from "vitest";
import type { LearningScope } from "#core/scope.ts";
import { activated, chooseArm, emptyService, rolledBack, type Service } from "#core/service.ts";

const SCOPE: LearningScope = { workspaceId: "local:home", audience: "public", domain: "support" };
const BASE = "base-1";
const act = (nowMs: number) => ({ by: "local:ana", nowMs, reason: "better" });

function afterActivating(...digests: readonly string[]): Service {
  return digests.reduce((service, digest, index) => activated(service, digest, BASE, act(index)), emptyService(SCOPE));
}

describe("activated()", () => {
  test("puts an adapter into service and remembers the one before", () => {
    expect(afterActivating("a1", "a2")).toEqual({
      scope: SCOPE,
      active: "a2",
      previous: "a1",
      baseDigest: BASE,
      ratio: 0,
      epoch: 2,
      movedEpoch: 0,
      changedAtMs: 1,
      changedBy: "local:ana",
      reason: "better",
    });
  });

  test("remembers the base model when no adapter was in service", () => {
    expect(afterActivating("a1")).not.toHaveProperty("previous");
  });

  test("ends a canary", () => {
    expect(activated({ ...afterActivating("a1"), canary: "a2" }, "a2", BASE, act(9))).not.toHaveProperty("canary");
  });
});

describe("rolledBack()", () => {
  test("puts the previous adapter back and moves every conversation", () => {
    const service = rolledBack(afterActivating("a1", "a2"), act(7));

    expect(service).toMatchObject({ active: "a1", epoch: 3, movedEpoch: 3, changedAtMs: 7 });
    expect(service).not.toHaveProperty("previous");
  });

  test("puts the base model back when there was no adapter before", () => {
    expect(rolledBack(afterActivating("a1"), act(7))).not.toHaveProperty("active");
  });
});

describe("chooseArm()", () => {
  test("gives the active adapter to a new conversation", () => {
    expect(chooseArm(afterActivating("a1"), undefined, BASE)).toEqual({ adapterDigest: "a1", epoch: 1 });
  });

  test("gives the base model when nothing was learned yet", () => {
    expect(chooseArm(emptyService(SCOPE), undefined, BASE)).toEqual({ epoch: 0 });
  });

  test("keeps the arm of an open conversation across an activation", () => {
    const kept = chooseArm(afterActivating("a1"), undefined, BASE);

    expect(chooseArm(afterActivating("a1", "a2"), kept, BASE)).toEqual(kept);
    expect(chooseArm(afterActivating("a1"), { epoch: 0 }, BASE)).toEqual({ epoch: 0 });
  });

  test("moves an open conversation when a roll back came after its arm was chosen", () => {
    const service = rolledBack(afterActivating("a1", "a2"), act(7));

    expect(chooseArm(service, { adapterDigest: "a2", epoch: 2 }, BASE)).toEqual({ adapterDigest: "a1", epoch: 3 });
    expect(chooseArm(service, { adapterDigest: "a1", epoch: 3 }, BASE)).toEqual({ adapterDigest: "a1", epoch: 3 });
  });

  test("gives the base model to a new conversation when the adapter belongs to another base", () => {
    expect(chooseArm(afterActivating("a1"), undefined, "base-2")).toEqual({ epoch: 1 });
  });
});
