import type { Connection } from "mongoose";
import type { Log } from "#core/log.ts";
import type { Archive } from "#store/archive.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { Leases } from "#store/lease.ts";
import type { ModelStore } from "#store/model-store.ts";
import type { ModerationStore } from "#store/moderation-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import type { PrivacyStore } from "#store/privacy-store.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";
import type { SettingStore } from "#store/setting-store.ts";
import type { TurnVectorStore } from "#store/turn-vector-store.ts";
import { mongoAdapters } from "./adapters.ts";
import { withAnswers } from "./answers.ts";
import { mongoArchive } from "./archive.ts";
import { openCollections } from "./collections.ts";
import { connect, hostsOf } from "./connect.ts";
import { mongoConversations } from "./conversations.ts";
import { mongoCountReader } from "./count-reader.ts";
import { mongoDeliveries } from "./deliveries.ts";
import { mongoErasedLookup } from "./erased-lookup.ts";
import { mongoErasing } from "./erasing.ts";
import { mongoFeedback } from "./feedback.ts";
import { guardCache } from "./guarded-cache.ts";
import { mongoInbox } from "./inbox.ts";
import { mongoIntents } from "./intents.ts";
import { mongoLeases } from "./leases.ts";
import { migrate } from "./migrate.ts";
import { mongoModelStore } from "./model-uses.ts";
import { mongoModeration } from "./moderation.ts";
import { tellOutages, toldOutage } from "./outages.ts";
import { mongoPeopleStore } from "./people.ts";
import { mongoPlatforms } from "./platforms.ts";
import { mongoPrivacy } from "./privacy.ts";
import { mongoRatedTurns } from "./rated-turns.ts";
import { mongoRuns } from "./runs.ts";
import { mongoCache } from "./semantic-cache.ts";
import { mongoServices } from "./services.ts";
import { mongoSettings, raiseRevision } from "./settings.ts";
import { mongoSettling } from "./settle.ts";
import { mongoTurnWriter } from "./turn-writer.ts";
import { mongoTurns, savingTurnsIn } from "./turns.ts";
import { mongoTurnVectors } from "./vectors.ts";
import { type OutageWatch, watchOutages } from "./watch-outages.ts";

export interface MongoStore {
  readonly chat: ChatStore;
  readonly learning: LearningStore;
  readonly people: PeopleStore;
  readonly models: ModelStore;
  readonly settings: SettingStore;
  readonly moderation: ModerationStore;
  readonly platforms: PlatformStore;
  readonly privacy: PrivacyStore;
  readonly vectors: TurnVectorStore;
  /** The one that was given, or one in MongoDB; in both nothing of an erased turn is taken in. */
  readonly cache: SemanticCache;
  readonly leases: Leases;
  readonly archive: Archive;
  /** For `openGridFiles`. */
  readonly connection: Connection;
  /** Undefined while a server takes writes; else what is away, in words. */
  describeOutage(): string | undefined;
  close(): Promise<void>;
}

export interface MongoStoreOptions {
  /** May hold a password: it reaches no log and no error. */
  readonly uri: string;
  readonly log?: Log;
  readonly now: () => number;
  /** How many events of a run are kept; 5,000 when not given. */
  readonly runEventsMax?: number;
  /** Kept elsewhere, in Redis; erasing reaches it too. */
  readonly cache?: SemanticCache;
}

/**
 * Rejects with StoreUnreachableError when no server answers, and with StoreTooNewError when a newer program wrote there. Any number
 * of processes, on any machines, may have it open.
 */
export async function openMongoStore(options: MongoStoreOptions): Promise<MongoStore> {
  const connection = await connect(options.uri);
  const outages = watchOutages(connection, options.now, options.log);
  try {
    const store = composeStore(connection, options, outages);
    await migrate(connection, store.rows, options);
    await store.resume();
    options.log?.info({ hosts: hostsOf(options.uri), database: connection.name }, "store.opened");
    return store.bundle;
  } catch (error) {
    outages.stop();
    const told = toldOutage(connection, error); // before the connection forgets its hosts
    await connection.close();
    throw told;
  }
}

function composeStore(
  connection: Connection,
  { now, runEventsMax = 5000, cache: given }: MongoStoreOptions,
  outages: OutageWatch,
) {
  const rows = openCollections(connection);
  const erased = mongoErasedLookup(rows);
  const intents = mongoIntents(rows, now);
  const cache = guardCache(given ?? mongoCache(connection), erased);
  const leases = mongoLeases(rows);
  const settling = mongoSettling(rows, {
    intents,
    leases,
    now,
    left: {
      raiseRevision: () => raiseRevision(rows),
      async eraseAgain(turns) {
        for (const turn of await rows.turn.list({ _id: { $in: [...turns] } })) {
          if (await erased.isNewTurnErased(turn)) await erasing.eraseTurns([rows.turn.table.idOf(turn)]);
        }
      },
    },
  });
  const writer = mongoTurnWriter(rows, intents, settling);
  const erasing = mongoErasing(rows, { writer, intents, cache });
  const archive = mongoArchive(rows, { connection, cache, erasing, settling, leases, now });
  const eraseAgain = async (turn: string) => {
    await erasing.eraseTurns([turn]);
  };

  const turnParts = { writer, erased, eraseAgain };
  const conversations = mongoConversations(rows);
  const tell = <Port extends object>(port: Port) => tellOutages(connection, port);

  const bundle: MongoStore = {
    chat: tell(
      withAnswers(
        {
          ...mongoInbox(rows),
          ...conversations,
          ...mongoTurns(rows, turnParts),
          ...mongoFeedback(rows, writer, erased),
          ...mongoDeliveries(rows),
        },
        { saveTurnIn: savingTurnsIn(rows, turnParts, conversations) },
      ),
    ),
    learning: tell({
      ...mongoCountReader(rows, settling),
      ...mongoRatedTurns(rows, settling),
      ...mongoRuns(rows, runEventsMax),
      ...mongoAdapters(rows),
      ...mongoServices(rows),
    }),
    people: tell(mongoPeopleStore(rows)),
    models: tell(mongoModelStore(rows)),
    settings: tell(mongoSettings(rows, intents)),
    moderation: tell(mongoModeration(rows, erased)),
    platforms: tell(mongoPlatforms(rows)),
    privacy: tell(mongoPrivacy(rows, erasing)),
    vectors: tell(mongoTurnVectors(rows, erased)),
    cache: tell(cache),
    leases: tell(leases),
    archive: tell(archive),
    connection,
    describeOutage: outages.describeOutage,
    async close() {
      outages.stop();
      await settling.rest();
      // Or they count as left by a kill, and are worked out once more.
      await intents.storeEnds().catch(() => undefined);
      await connection.close();
    },
  };
  return { bundle, rows, resume: () => archive.resumeImport() };
}
