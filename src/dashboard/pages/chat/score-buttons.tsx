import type { Score } from "#core/feedback.ts";

const SCORES: readonly { readonly score: Score; readonly emoji: string; readonly name: string }[] = [
  { score: 1, emoji: "😞", name: "Bad" },
  { score: 2, emoji: "😕", name: "Weak" },
  { score: 3, emoji: "😐", name: "Okay" },
  { score: 4, emoji: "🙂", name: "Good" },
  { score: 5, emoji: "😍", name: "Great" },
];

interface ScoreButtonsProps {
  readonly score: Score | undefined;
  /** Null takes the score back. */
  readonly onScore: (score: Score | null) => void;
}

export function ScoreButtons({ score, onScore }: ScoreButtonsProps) {
  return (
    <fieldset className="scores">
      <legend className="sr-only">How good is this reply?</legend>
      {SCORES.map((item) => (
        <button
          key={item.score}
          type="button"
          className="score"
          aria-pressed={item.score === score}
          aria-label={`${item.name}, ${item.score} of 5`}
          title={item.score === score ? `${item.name}: press again to take it back` : item.name}
          onClick={() => onScore(item.score === score ? null : item.score)}
        >
          {item.emoji}
        </button>
      ))}
    </fieldset>
  );
}
