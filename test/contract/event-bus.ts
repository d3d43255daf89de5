import { expect, test } from "vitest";
import type { EventBus, Hint } from "#events/event-bus.ts";

const HINT: Hint = { kind: "run.changed", runId: "run-1" };

/** What every EventBus promises. `settle` waits until what was published has arrived, or never will. */
export function eventBusContract(open: () => Promise<EventBus>, settle: () => Promise<void>): void {
  test("publish() reaches every listener once", async () => {
    const bus = await open();
    const heard: Hint[] = [];
    const listen = (hint: Hint) => heard.push(hint);
    bus.subscribe(["run.changed"], listen);
    bus.subscribe(["run.changed"], listen);

    bus.publish(HINT);
    await settle();

    expect(heard).toEqual([HINT, HINT]);
  });

  test("publish() does not wait for listeners", async () => {
    const bus = await open();
    const order: string[] = [];
    bus.subscribe(["run.changed"], () => order.push("heard"));

    bus.publish(HINT);
    order.push("published");
    await settle();

    expect(order).toEqual(["published", "heard"]);
  });

  test("subscribe() gives a function that ends this subscription only", async () => {
    const bus = await open();
    const heard: string[] = [];
    const end = bus.subscribe(["run.changed"], () => heard.push("first"));
    bus.subscribe(["run.changed"], () => heard.push("second"));

    end();
    end();
    bus.publish(HINT);
    await settle();

    expect(heard).toEqual(["second"]);
  });

  test("publish() is silent when nobody listens", async () => {
    const bus = await open();

    expect(() => bus.publish(HINT)).not.toThrow();
  });
}
