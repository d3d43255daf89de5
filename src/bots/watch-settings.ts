import type { Log } from "#core/log.ts";
import type { Setting } from "#core/setting.ts";
import type { EventBus } from "#events/event-bus.ts";
import { keepFresh } from "#events/keep-fresh.ts";
import type { SettingStore } from "#store/setting-store.ts";
import type { PlaceSettings, SettingsPlace, SettingsWatch } from "./place-settings.ts";

/**
 * What holds in a place: `overrides` is the stored JSON text by key, a channel's already over its workspace's; what is not
 * there comes from the configuration.
 */
export type ResolveSettings = (
  place: Omit<SettingsPlace, "channelId">,
  overrides: ReadonlyMap<string, string>,
) => PlaceSettings;

/** Places whose settings are kept resolved; past that all are resolved anew. */
const PLACES_MAX = 10_000;

/** Rejects when the settings cannot be read at the start; a later failure leaves those that held. */
export async function watchSettings(
  store: SettingStore,
  events: EventBus,
  resolve: ResolveSettings,
  log: Log,
): Promise<SettingsWatch> {
  let revision = -1;
  let overrides: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map();
  const resolved = new Map<string, PlaceSettings>();

  async function read(): Promise<void> {
    const latest = await store.settingsRevision();
    if (latest === revision) return;
    // A change between the two reads is read again at the next look, since the revision is the older one.
    overrides = groupByPlace(await store.listSettings());
    revision = latest;
    resolved.clear();
  }

  await read();
  const { refresh, stop } = keepFresh({
    events,
    kind: "settings.changed",
    read,
    onFailure: (error) => log.warn({ err: error }, "settings.read-failed"),
  });
  return {
    of(place) {
      const { platform, workspaceId, visibility } = place;
      const ofChannel =
        place.channelId === undefined || overrides.size === 0
          ? undefined
          : overrides.get(placeKey(workspaceId, place.channelId));
      // Channels without settings of their own share those of their workspace.
      const key = JSON.stringify([platform, workspaceId, ofChannel && place.channelId, visibility]);
      const known = resolved.get(key);
      if (known !== undefined) return known;
      const ofWorkspace = overrides.get(placeKey(workspaceId)) ?? [];
      const where = { platform, workspaceId, ...(visibility === undefined ? {} : { visibility }) };
      const settings = resolve(where, new Map([...ofWorkspace, ...(ofChannel ?? [])]));
      if (resolved.size >= PLACES_MAX) resolved.clear();
      resolved.set(key, settings);
      return settings;
    },
    refresh,
    stop,
  };
}

function groupByPlace(settings: readonly Setting[]): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const places = new Map<string, Map<string, string>>();
  for (const { workspaceId, channelId, key, value } of settings) {
    const place = placeKey(workspaceId, channelId);
    places.set(place, (places.get(place) ?? new Map()).set(key, value));
  }
  return places;
}

function placeKey(workspaceId: string, channelId?: string): string {
  return JSON.stringify([workspaceId, channelId]);
}
