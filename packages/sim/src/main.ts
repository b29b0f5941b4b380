// Entry of the simulator; the runs come with the engine.
console.log("sim: no engine yet");
