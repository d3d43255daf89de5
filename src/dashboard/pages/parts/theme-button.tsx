import { Icon, type IconName } from "./icons.tsx";
import { type Theme, useTheme } from "./use-theme.ts";

const NEXT: Record<Theme, { readonly theme: Theme; readonly icon: IconName }> = {
  system: { theme: "light", icon: "half" },
  light: { theme: "dark", icon: "sun" },
  dark: { theme: "system", icon: "moon" },
};

export function ThemeButton() {
  const [theme, setTheme] = useTheme();
  const { theme: next, icon } = NEXT[theme];
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={`Theme: ${theme}. Switch to ${next}`}
      title={`Theme: ${theme}`}
      onClick={() => setTheme(next)}
    >
      <Icon name={icon} />
    </button>
  );
}
