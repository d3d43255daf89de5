import type { PeopleStore } from "#store/people-store.ts";
import type { Collections } from "./collections.ts";
import { keyOf, keyText } from "./keys.ts";

export function mongoPeopleStore(rows: Collections): PeopleStore {
  const { permission, userChoice, auditEntry, deletion, erasedPlace } = rows;

  return {
    getPermission: (workspaceId) => permission.find(keyText(workspaceId)),
    putPermission: (granted) => permission.save(granted),
    getChoice: (workspaceId, userId) => userChoice.find(keyOf(workspaceId, userId)),
    putChoice: (choice) => userChoice.save(choice),
    async listOptedOut(workspaceId) {
      const choices = await userChoice.list({ workspace: keyText(workspaceId), learns: 0 }, { sort: { user: 1 } });
      return choices.map(({ userId }) => userId);
    },
    async appendAudit(entry) {
      // An audit entry is never changed, whoever writes it again.
      await auditEntry.add(entry);
    },
    listAudit: (limit) => auditEntry.list({}, { sort: { at: -1, order: -1 }, limit }),
    async recordDeletion(record) {
      await deletion.add(record);
    },
    listDeletions: () => deletion.list({}, { sort: { at: 1, key: 1 } }),
    listErasedPlaces: () => erasedPlace.list({}, { sort: { at: 1, key: 1 } }),
  };
}
