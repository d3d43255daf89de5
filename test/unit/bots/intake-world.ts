import { onTestFinished } from "vitest";
import type { PlaceSettings } from "#bots/place-settings.ts";
import type { PlatformConnector } from "#bots/platform-connector.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import { fixedSettings } from "../../fixtures/bots/fixed-settings.ts";
import { openIntake } from "../../fixtures/bots/open-intake.ts";
import { type ChatWorldOptions, openChatWorld } from "./chat-world.ts";

export const GUILD = "discord:G1";
export const OTHER_GUILD = "discord:G2";

/** The intake of a platform in memory, on the product's own answering and store. */
export async function openIntakeWorld(options: ChatWorldOptions & { readonly firstContactNotice?: boolean } = {}) {
  const world = await openChatWorld(options);
  const connector: PlatformConnector = { ...world.connector, platform: "discord" };
  const settings: { place: Partial<PlaceSettings> } = { place: options.place ?? {} };
  const places = fixedSettings(() => settings.place);
  const forgotten: { readonly turnIds: readonly string[]; readonly reason: string }[] = [];
  const { answering, intake, connectors } = openIntake(world, connector, places, {
    forgetTurns: async (_workspaceId, turnIds, reason) => void forgotten.push({ turnIds, reason }),
    firstContactNotice: options.firstContactNotice ?? false,
    now: world.parts.now,
  });
  onTestFinished(async () => {
    await answering.close(2000);
    await intake.settle();
  });

  const intakeWorld = {
    ...world,
    connector,
    connectors,
    places,
    settings,
    answering,
    intake,
    forgotten,
    message(messageId: string, text: string, given: Partial<IncomingMessage> = {}): IncomingMessage {
      const about = { platform: "discord", workspaceId: GUILD, channelId: "C1", messageId, ...given } as const;
      return world.incoming(text, about);
    },
    /** Hands a message in and waits until nothing is under way. */
    async say(messageId: string, text: string, given: Partial<IncomingMessage> = {}): Promise<void> {
      await intake.acceptMessage(`e-${messageId}`, intakeWorld.message(messageId, text, given));
      await intakeWorld.settle();
    },
    async settle(): Promise<void> {
      const isBusy = (workspaceId: string) => answering.underWay({ workspaceId }).length > 0;
      while (isBusy(GUILD) || isBusy(OTHER_GUILD)) await pause(5);
      await intake.settle();
    },
    place: (messageId: string) => ({ workspaceId: GUILD, channelId: "C1", messageId }),
    react(messageId: string, userId: string, emoji: string, isRemoval = false): Promise<void> {
      world.clock.nowMs += 10;
      return intake.acceptFeedback({
        workspaceId: GUILD,
        channelId: "C1",
        messageId,
        userId,
        source: "reaction",
        emoji,
        ...(isRemoval ? { isRemoval } : {}),
        atMs: world.clock.nowMs,
      });
    },
    async scores(turnId: string): Promise<readonly (readonly [string, number | undefined])[]> {
      return (await world.store.chat.listFeedback(turnId))
        .map(({ userId, score }) => [userId, score] as const)
        .toSorted();
    },
  };
  return intakeWorld;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
