import { useEffect, useRef } from "react";
import { Icon } from "./icons.tsx";

interface DrawerProps {
  readonly label: string;
  readonly side: "left" | "right";
  readonly isOpen: boolean;
  /** It lies over the page instead of beside it. */
  readonly isOver: boolean;
  readonly onClose: () => void;
  readonly children: React.ReactNode;
}

/** A side of the page. Over the page it takes the focus, Escape closes it, and the focus goes back where it was. */
export function Drawer({ label, side, isOpen, isOver, onClose, children }: DrawerProps) {
  const box = useRef<HTMLElement>(null);
  const isModal = isOpen && isOver;
  useEffect(() => {
    if (!isModal) return;
    const focused = document.activeElement;
    box.current?.querySelector<HTMLElement>("button, a[href]")?.focus();
    return () => {
      if (focused instanceof HTMLElement && focused.isConnected) focused.focus();
    };
  }, [isModal]);
  if (!isOpen) return null;
  return (
    <>
      {isOver && <div className="scrim" aria-hidden="true" onClick={onClose} />}
      <aside
        ref={box}
        className={`drawer drawer-${side} ${isOver ? "drawer-over" : ""}`}
        aria-label={label}
        onKeyDown={(event) => {
          if (isOver && event.key === "Escape" && !event.defaultPrevented) onClose();
        }}
      >
        {isOver && (
          <button type="button" className="icon-button drawer-close" aria-label={`Close ${label}`} onClick={onClose}>
            <Icon name="close" />
          </button>
        )}
        {children}
      </aside>
    </>
  );
}
