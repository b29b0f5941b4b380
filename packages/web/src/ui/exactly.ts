// Links that differ in their search alone are current only when every parameter is the same, absent ones too.
export const exactly = { exact: true, includeSearch: true, explicitUndefined: true } as const;
