import type { Client } from "discord.js";
import type { Intake } from "#bots/intake.ts";
import type { SettingsWatch } from "#bots/place-settings.ts";
import type { Now } from "#core/clock.ts";
import type { Log } from "#core/log.ts";

/** What every part of the connector works with. */
export interface DiscordParts {
  readonly client: Client<true>;
  readonly settings: SettingsWatch;
  readonly log: Log;
  readonly now: Now;
}

/** The parts that listen also know where events go. */
export interface ListeningParts extends DiscordParts {
  readonly intake: Intake;
}
