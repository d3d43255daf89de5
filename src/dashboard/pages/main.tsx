import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import "./styles/tokens.css";
import "./styles/layout.css";
import "./styles/controls.css";
import "./styles/chat.css";
import "./styles/learning.css";
import "./styles/setup.css";

const root = document.getElementById("root");
if (root === null) throw new Error("Cannot show the page: it has no root element");
createRoot(root).render(<App />);
