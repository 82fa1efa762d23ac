-- Sessions and missions are of a project: the same id in another project is another session. NULL is no project.

ALTER TABLE session ADD COLUMN project VARCHAR;
ALTER TABLE mission ADD COLUMN project VARCHAR;
ALTER TABLE reset ADD COLUMN project VARCHAR; -- of session and mission budgets
