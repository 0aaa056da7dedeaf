// SPDX-License-Identifier: Apache-2.0
/* FlinkJob: runs a file of SQL in Flink's own process (a mini cluster) and waits for its end. Two tasks
 * of each kind; checkpoints as often as cupel's epochs. A failure ends the process: Flink's threads
 * would keep it alive without a word. */
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

public class FlinkJob {
    static void run(String file) throws Exception {
        TableEnvironment flink = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
        flink.getConfig().set("parallelism.default", "2");
        flink.getConfig().set("execution.checkpointing.interval", "10s");
        for (String statement : Files.readString(Path.of(file)).split(";;\n")) {
            if (statement.isBlank()) continue;
            if (statement.startsWith("EXECUTE")) flink.executeSql(statement).await();
            else flink.executeSql(statement);
        }
    }

    public static void main(String[] args) {
        try {
            run(args[0]);
        } catch (Throwable error) {
            error.printStackTrace();
            System.exit(1);
        }
        System.exit(0);
    }
}
