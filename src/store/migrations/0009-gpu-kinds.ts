/** Whose a GPU is, and the board that it is an instance of; null = it was not told. */
export const gpuKinds = `
ALTER TABLE gpus ADD COLUMN vendor TEXT;
ALTER TABLE gpus ADD COLUMN parent TEXT;
`;
