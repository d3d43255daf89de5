import { setImmediate as nextTurn } from "node:timers/promises";
import { memoryEventBus } from "#events/memory/event-bus.ts";
import { eventBusContract } from "../../../contract/event-bus.ts";

eventBusContract(
  async () => memoryEventBus(),
  async () => {
    await nextTurn();
  },
);
