import { createSystemPrompt, type SystemPromptFor } from "#inference/reply-language.ts";
import type { SettingsWatch } from "./place-settings.ts";

/** Each place's own system prompt and reply language, as they are set right now; `fallback` where no place is given. */
export function systemPromptOf(places: Pick<SettingsWatch, "of">, fallback: SystemPromptFor): SystemPromptFor {
  return (question, place) => {
    if (place === undefined) return fallback(question);
    const { systemPrompt, replyLanguage } = places.of(place);
    return createSystemPrompt(systemPrompt, replyLanguage)(question);
  };
}
