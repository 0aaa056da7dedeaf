// SPDX-License-Identifier: Apache-2.0
/* ReadConnect: what Kafka Connect's own JsonConverter makes of records, told as JSON, a line each.
 *
 *   lines `KEY VALUE`, each base64, or - for null --> {"key": SIDE, "value": SIDE}
 *   SIDE: null, or {"schema": SCHEMA, "value": VALUE}
 *
 * SCHEMA: [type, name, optional, parameters, fields or items]. VALUE: a text that is exact for the
 * class of Connect's object, a list, or an object by names. A record that the converter refuses is
 * {"error": its words}. */
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.json.JsonConverter;

public class ReadConnect {
    private static Object tell(Schema schema) {
        Object inside = null;
        switch (schema.type()) {
            case STRUCT:
                Map<String, Object> fields = new LinkedHashMap<>();
                for (Field field : schema.fields()) fields.put(field.name(), tell(field.schema()));
                inside = fields;
                break;
            case ARRAY: inside = tell(schema.valueSchema()); break;
            case MAP: inside = List.of(tell(schema.keySchema()), tell(schema.valueSchema())); break;
            default: break;
        }
        List<Object> told = new ArrayList<>();
        told.add(schema.type().getName());
        told.add(schema.name());
        told.add(schema.isOptional());
        told.add(schema.parameters());
        told.add(inside);
        return told;
    }

    private static Object tellValue(Object value) {
        if (value instanceof Struct struct) {
            Map<String, Object> told = new LinkedHashMap<>();
            for (Field field : struct.schema().fields()) told.put(field.name(), tellValue(struct.get(field)));
            return told;
        }
        if (value instanceof List<?> list) {
            List<Object> told = new ArrayList<>();
            for (Object one : list) told.add(tellValue(one));
            return told;
        }
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> told = new LinkedHashMap<>();
            map.forEach((name, one) -> told.put((String) name, tellValue(one)));
            return told;
        }
        if (value instanceof ByteBuffer bytes) return HexFormat.of().formatHex(bytes.array());
        if (value instanceof byte[] bytes) return HexFormat.of().formatHex(bytes);
        if (value instanceof Date date) return String.valueOf(date.getTime());
        if (value instanceof BigDecimal decimal) return decimal.toPlainString();
        if (value instanceof Double number) return Double.toHexString(number);
        if (value instanceof Float number) return Float.toHexString(number);
        return value == null ? null : value.toString();
    }

    private static Object side(JsonConverter converter, String text) {
        if (text.equals("-")) return null;
        Map<String, Object> told = new LinkedHashMap<>();
        SchemaAndValue read = converter.toConnectData("topic", Base64.getDecoder().decode(text));
        told.put("schema", tell(read.schema()));
        told.put("value", tellValue(read.value()));
        return told;
    }

    private static JsonConverter converter(boolean isKey) {
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", "true"), isKey);
        return converter;
    }

    public static void main(String[] args) throws Exception {
        JsonConverter keys = converter(true), values = converter(false);
        ObjectMapper mapper = new ObjectMapper();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Map<String, Object> told = new LinkedHashMap<>();
            String[] parts = line.split(" ");
            try {
                told.put("key", side(keys, parts[0]));
                told.put("value", side(values, parts[1]));
            } catch (DataException refused) {
                told.put("error", refused.toString());
            }
            System.out.println(mapper.writeValueAsString(told));
        }
    }
}
