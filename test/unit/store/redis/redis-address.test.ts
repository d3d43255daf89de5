import { expect, test } from "vitest";
import { ConfigInvalidError } from "#core/errors.ts";
import { describeRedisHosts, parseRedisAddress } from "#store/redis/redis-address.ts";

test.each([
  [
    "redis://127.0.0.1",
    { hosts: [{ host: "127.0.0.1", port: 6379 }], isEncrypted: false, isCluster: false, login: {} },
  ],
  [
    "rediss://ana:p%40%3A@cache.example:6380/3",
    {
      hosts: [{ host: "cache.example", port: 6380 }],
      isEncrypted: true,
      isCluster: false,
      login: { username: "ana", password: "p@:", db: 3 },
    },
  ],
  [
    "redis://:a:b%@[::1]:7000,two:7001,three",
    {
      hosts: [
        { host: "::1", port: 7000 },
        { host: "two", port: 7001 },
        { host: "three", port: 6379 },
      ],
      isEncrypted: false,
      isCluster: true,
      login: { password: "a:b%" },
    },
  ],
  [
    "redis://one:7000?cluster=true",
    { hosts: [{ host: "one", port: 7000 }], isEncrypted: false, isCluster: true, login: {} },
  ],
])("parseRedisAddress() reads %s", (url, address) => {
  expect(parseRedisAddress(url)).toEqual(address);
});

test.each([
  "http://one",
  "redis://",
  "redis://a:secret@",
  "redis://a:secret@one:port",
  "redis://a:secret@one:1:2",
  "redis://a:first@secret@one:6379",
  "rediss://:secret@secret@one,two",
  "secret",
])("parseRedisAddress() refuses %s without quoting it", (url) => {
  expect(() => parseRedisAddress(url)).toThrow(ConfigInvalidError);
  expect(() => parseRedisAddress(url)).not.toThrow(/secret/);
});

test("describeRedisHosts() leaves the login out", () => {
  expect(describeRedisHosts(parseRedisAddress("rediss://ana:secret@one:7000,two"))).toBe("one:7000,two:6379");
});
