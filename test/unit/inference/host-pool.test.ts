import { expect, test } from "vitest";
import { InferenceUnavailableError, ReplyBrokenOffError } from "#core/errors.ts";
import { costOf, HostOutageError, HostPool, type PooledHost } from "#inference/host-pool.ts";
import { silentLog } from "../../fixtures/llama/engine-under-test.ts";

interface TestHost extends PooledHost {
  isUp: boolean;
  calls: number;
}

const signal = new AbortController().signal;

function openHosts(names: readonly string[]): readonly TestHost[] {
  return names.map((url) => ({ url, isUp: true, calls: 0 }));
}

function openPool(hosts: readonly TestHost[], retryAfterMs = 60_000): HostPool<TestHost> {
  return new HostPool(hosts, { name: "test", retryAfterMs, log: silentLog });
}

/** Says which host answered. */
async function ask(pool: HostPool<TestHost>, holder?: TestHost): Promise<string> {
  let answeredBy = "";
  await pool.run(
    async (host) => {
      host.calls += 1;
      if (!host.isUp) throw new HostOutageError("down");
      return async () => {
        answeredBy = host.url;
      };
    },
    async (host) => (host === holder ? "holds" : "lacks"),
    signal,
  );
  return answeredBy;
}

test("run() asks the host that holds the model", async () => {
  const hosts = openHosts(["a", "b", "c"]);

  expect(await ask(openPool(hosts), hosts[1])).toBe("b");
});

test("run() moves to another host when one fails before its first token", async () => {
  const hosts = openHosts(["a", "b"]);
  const [a, b] = hosts as [TestHost, TestHost];
  a.isUp = false;

  expect(await ask(openPool(hosts), a)).toBe("b");
  expect([a.calls, b.calls]).toEqual([1, 1]);
});

test("run() never asks again after the first token", async () => {
  const hosts = openHosts(["a", "b"]);
  let opened = 0;
  const running = openPool(hosts).run(
    async () => {
      opened += 1;
      return () => Promise.reject(new HostOutageError("broke off"));
    },
    async () => "lacks",
    signal,
  );

  await expect(running).rejects.toThrow(ReplyBrokenOffError);
  expect(opened).toBe(1);
});

test("run() rejects with InferenceUnavailableError when every host fails", async () => {
  const hosts = openHosts(["a", "b"]);
  for (const host of hosts) host.isUp = false;

  await expect(ask(openPool(hosts))).rejects.toThrow(InferenceUnavailableError);
});

test("run() leaves a host alone that failed three times in a row, and asks it again later", async () => {
  const hosts = openHosts(["a", "b"]);
  const [a, b] = hosts as [TestHost, TestHost];
  const pool = openPool(hosts, 300);
  a.isUp = false;
  for (let round = 0; round < 6; round += 1) await ask(pool, a);
  expect(a.calls).toBe(3);
  expect(b.calls).toBe(6);

  a.isUp = true;
  await new Promise((resolve) => setTimeout(resolve, 350));
  expect(await ask(pool, a)).toBe("a");
});

test("run() does not ask a host that is gone while another answers", async () => {
  const hosts = openHosts(["a", "b"]);
  const [a] = hosts as [TestHost, TestHost];
  await openPool(hosts).run(
    async (host) => {
      host.calls += 1;
      return async () => undefined;
    },
    async (host) => (host === a ? "gone" : "lacks"),
    signal,
  );

  expect(hosts.map(({ calls }) => calls)).toEqual([0, 1]);
});

test("run() passes an error on that is not the host's fault", async () => {
  const hosts = openHosts(["a", "b"]);
  const mine = new InferenceUnavailableError("mine");
  let opened = 0;
  const running = openPool(hosts).run(
    async () => {
      opened += 1;
      throw mine;
    },
    async () => "lacks",
    signal,
  );

  await expect(running).rejects.toBe(mine);
  expect(opened).toBe(1);
});

test("run() spreads streams when the holder has much to do", async () => {
  const hosts = openHosts(["a", "b"]);
  const [a] = hosts as [TestHost, TestHost];
  const pool = openPool(hosts);
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const used: string[] = [];
  const runs = Array.from({ length: 6 }, async () => {
    await pool.run(
      async (host) => {
        used.push(host.url);
        return () => finished;
      },
      async (host) => (host === a ? "holds" : "lacks"),
      signal,
    );
  });
  await expect.poll(() => used.length).toBe(6);
  finish();
  await Promise.all(runs);

  expect(used).toContain("b");
  expect(used.filter((url) => url === "a").length).toBeGreaterThan(3);
});

test("costOf() prefers the own region, then who holds the model, then who has less to do", () => {
  const near = { region: "eu", streaming: 1, holdsModel: true };

  expect(costOf(near, "eu")).toBeLessThan(costOf({ ...near, region: "us" }, "eu"));
  expect(costOf(near, "eu")).toBeLessThan(costOf({ ...near, holdsModel: false }, "eu"));
  expect(costOf(near, "eu")).toBeLessThan(costOf({ ...near, streaming: 2 }, "eu"));
  expect(costOf(near, undefined)).toBe(costOf({ ...near, region: "us" }, undefined));
});
