// Entry of the UI: the answer to "is everything all right?" is asked for before anything is drawn.
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/components.css";
import "./styles/shell.css";
import "./styles/screens.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { liveLine } from "./api/line.ts";
import { queries, queryClient } from "./api/queries.ts";
import { router } from "./router.tsx";

void queryClient.prefetchQuery(queries.status());
void queryClient.prefetchQuery(queries.access());
liveLine();
// What a key press may open is fetched while nothing else is to do, so that the first one is as quick as the next.
window.addEventListener("load", () => {
  const idle = window.requestIdleCallback ?? ((then: () => void) => window.setTimeout(then, 1_000));
  idle(() => {
    // Without them now they are fetched when they are needed.
    for (const part of [() => import("./shell/palette.tsx"), () => import("./ui/ask.tsx")]) part().catch(() => {});
  });
});
// A newer Prunella has other files: what an old page asks for is gone, so it opens anew, once.
window.addEventListener("vite:preloadError", (event) => {
  const last = Number(sessionStorage.getItem("prunella.reloaded") ?? 0);
  if (Date.now() - last < 60_000) return;
  event.preventDefault();
  sessionStorage.setItem("prunella.reloaded", String(Date.now()));
  window.location.reload();
});
const place = document.getElementById("root");
if (place !== null)
  createRoot(place).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
