// A service that leaks 20 MB/s once it is told to. Nothing in it heals: it is recycled from outside, before its limit.
import { serve } from "./kit.ts";

const kept: unknown[] = [];

function rememberForEver(bytes: number): void {
  for (let made = 0; made < bytes; made += 200)
    kept.push({ at: made, text: `entry ${made} of this batch`, tags: [made, made + 1, made + 2] });
}

serve({
  "/leak": () => {
    setInterval(() => rememberForEver(2_000_000), 100);
    return "leaking";
  },
});
